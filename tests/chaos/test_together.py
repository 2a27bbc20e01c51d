"""A rollout that replaces nodes and a provisioner that wants one less, at once at one group: wherever a process is
killed, never more nodes are closed than the rollout's policy allows, and in the end none is, and none is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from localcloud.kubernetes.store import Change
from tests.chaos.flows import Story
from tests.chaos.flows.world import (
    CLUSTER,
    L4,
    command,
    cordoned,
    groups,
    image,
    images_of_nodes,
    keep_busy,
    phase,
    size,
    table,
    waiting,
)
from tests.chaos.harness import Flow
from tests.chaos.runs import TURN, Clean, Grounds, play
from tests.chaos.test_kills import points

MAX_UNAVAILABLE = 1  # as environments/sharing says
SAMPLE = 4


def a_rollout_and_a_provisioner(flow: Flow) -> None:
    """Both want to empty nodes of the one group: of three nodes two stay, on the new image."""
    image(flow, run_id=1)
    closed = Closed(flow)
    flow.begin()
    command(flow, "start")
    flow.there(lambda: keep_busy(flow, "chat", percent=75))
    flow.until(lambda: phase(flow, 1) == "done" and size(flow) == 2, what="the end of both", minutes=240)
    flow.until(lambda: cordoned(flow) == 0 and not waiting(flow), what="an open group")
    assert closed.most <= MAX_UNAVAILABLE, f"{closed.most} nodes were closed at once: {closed.at_worst}"


STORY = Story("a rollout and a provisioner at one group", "sharing", a_rollout_and_a_provisioner)


class Closed:
    """Counts cordoned nodes at every write to one."""

    def __init__(self, flow: Flow) -> None:
        self.most = 0
        self.at_worst: set[str] = set()
        self._now: set[str] = set()
        flow.there(lambda: flow.kubernetes(CLUSTER).subscribe(self._changed))

    def _changed(self, change: Change) -> None:
        if change.key != "nodes":
            return
        name = change.object["metadata"]["name"]
        if change.type != "DELETED" and change.object["spec"].get("unschedulable"):
            self._now.add(name)
        else:
            self._now.discard(name)
        if len(self._now) > self.most:
            self.most, self.at_worst = len(self._now), set(self._now)


def expect_well(flow: Flow) -> None:
    """What lasts: two nodes on the new image, one for each member, all open, and the pods run."""
    (group,) = groups(flow, L4)
    members = table(flow, "compute.managedInstances")[group["selfLink"].partition("/compute/v1/")[2]]
    nodes = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodes"))
    assert sorted(each["metadata"]["name"] for each in nodes) == sorted(members)
    assert (size(flow), cordoned(flow), waiting(flow)) == (2, 0, [])
    assert images_of_nodes(flow) == {"poolwright-chaos-1"}
    held = [each for each in flow.ports.store.all("leases") if each.body["until"] > flow.now()]
    assert not held


@pytest.fixture(scope="session")
def together(clean: Callable[[Story], Clean]) -> Clean:
    return clean(STORY)


def test_without_kills_both_come_to_their_end(ground: Grounds) -> None:
    with ground(STORY.world).flow() as flow:
        play(STORY, flow)
        expect_well(flow)


def expect_well_after(clean: Clean, turn: int, sample: int) -> None:
    """A part of the points, a run each."""
    every = list(points(clean))
    step = max(1, len(every) // sample)
    found = []
    for point in every[turn % step :: step]:
        with clean.ground.flow(kill=point.kill) as flow:
            try:
                play(STORY, flow)
                expect_well(flow)
            except AssertionError as wrong:
                found.append(f"message {point.message} ({clean.messages[point.message]}) {point.what}: {wrong}")
    assert not found, f"{len(found)} runs ended badly\n\n" + "\n\n".join(found)


@pytest.mark.slow
def test_never_too_many_nodes_are_closed_wherever_a_process_is_killed(together: Clean) -> None:
    print(f"repeat these kills with CHAOS_TURN={TURN}")
    expect_well_after(together, TURN, SAMPLE)


@pytest.mark.slow
def test_never_too_many_nodes_are_closed_at_more_of_the_points(together: Clean) -> None:
    print(f"repeat these kills with CHAOS_TURN={TURN}")
    expect_well_after(together, TURN + 1, 40)
