"""Whatever keeps a group, a rollout or an environment back is said by `plan` and by `status`, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.theme import Theme

from poolwright.cli import plan as plan_command
from poolwright.cli import screen
from poolwright.cli import status as status_command
from poolwright.references import GroupRef, last_part
from poolwright.services import look_at_group, plan_groups, status, stop
from poolwright.services.work import group_work
from tests.chaos.flows.world import L4, PROJECT, build, groups, image, phase, release, table, upgrade
from tests.chaos.harness import Flow
from tests.services.conftest import Begin
from tests.services.test_mutation import issue, released_only, told
from tests.services.test_rollouts import order, until

ALWAYS = {"begins": "2020-01-01T00:00:00Z", "ends": "2120-01-01T00:00:00Z", "reason": "the long holidays"}
NEVER = [{"days": ["mon"], "begins": "00:00", "ends": "00:01"}]


@dataclass(frozen=True)
class World:
    """`happen` makes it so, where the environment has `said` it; then a plan of `run_id` and the status give `reason`,
    both as `kind`."""

    kind: str
    reason: str
    happen: Callable[[Flow], None] = lambda flow: released_only(flow, run_id=1)
    said: dict[str, Any] = field(default_factory=dict)
    run_id: int = 1


def tick(flow: Flow) -> None:
    flow.publish("ticks", {})
    flow.pass_time(400)


def refused_by_a_tick(change: Callable[[Flow], None]) -> Callable[[Flow], None]:
    def happen(flow: Flow) -> None:
        released_only(flow, run_id=1)
        change(flow)
        tick(flow)

    return happen


def moves_on(flow: Flow) -> None:
    upgrade(flow)
    flow.pass_time(1200)


def becomes_proactive(flow: Flow) -> None:
    for each in groups(flow, L4):
        each["updatePolicy"] = {**each["updatePolicy"], "type": "PROACTIVE"}


def becomes_a_windows_pool(flow: Flow) -> None:
    for each in groups(flow, L4):
        row = table(flow, "compute.instanceTemplates")[each["instanceTemplate"].partition("/compute/v1/")[2]]
        row["properties"]["metadata"]["items"].append({"key": "windows-startup-script-ps1", "value": "echo"})


def is_refused_by_all(flow: Flow) -> None:
    """A rollout goes nowhere, and nothing was released before."""
    image(flow, run_id=1)
    moves_on(flow)
    order(flow, "start", run_id=1)
    flow.pass_time(600)


def has_two_candidates(flow: Flow) -> None:
    release(flow, run_id=1)
    issue(flow, lambda raw: told(raw, "one"), name="00000001")
    issue(flow, lambda raw: told(raw, "another"), name="00000002")
    tick(flow)


def is_rolled_back(flow: Flow) -> None:
    image(flow, run_id=1)
    order(flow, "start", run_id=1)
    until(flow, 1, "done")
    order(flow, "rollback", run_id=1)
    until(flow, 1, "rolled back")


def is_superseded(flow: Flow) -> None:
    image(flow, run_id=1)
    image(flow, run_id=2)
    order(flow, "start", run_id=1)
    until(flow, 1, "baking")
    order(flow, "start", run_id=2)
    until(flow, 1, "superseded")


def is_stopped(flow: Flow) -> None:
    released_only(flow, run_id=1)
    stop.set_stop(flow.ports, who="ada", why="nodes do not join")


def is_offered(flow: Flow) -> None:
    build(flow, run_id=1)
    flow.until(lambda: phase(flow, 1) == "offered", what="the offer")


WORLDS = {
    "skew": World("skew", "build an image on", refused_by_a_tick(moves_on)),
    "skew in a rollout, with nothing released": World("skew", "build an image on", is_refused_by_all),
    "excluded": World("excluded", "pool l4 is excluded", said={"exclude": {"pools": ["l4"]}}),
    "unsupported": World("unsupported", "is of a Windows pool", refused_by_a_tick(becomes_a_windows_pool)),
    "proactive": World("proactive", "update type PROACTIVE", refused_by_a_tick(becomes_proactive)),
    "ambiguous": World("ambiguous", "00000001 and ", has_two_candidates),
    "frozen": World("frozen", "the long holidays", said={"rollout": {"freezes": [ALWAYS]}}),
    "window closed": World("frozen", "Outside of the windows until", said={"rollout": {"windows": NEVER}}),
    "stopped": World("stopped", "nodes do not join", is_stopped),
    "superseded": World("superseded", "chaos-2", is_superseded),
    "held": World("held", "rolled back on command by ada", is_rolled_back),
    "pinned": World("pinned", "pinned to run 1", lambda flow: released_only(flow, run_id=2), {"runId": 1}, run_id=2),
    "offered": World("offered", "chaos-1", is_offered, said={"mode": "offer"}),
    "observe": World("observe", "Mode is observe", said={"mode": "observe"}),
}


def printed(parts: Iterable[RenderableType]) -> str:
    """What a person sees, on one line."""
    out = Console(file=StringIO(), width=400, theme=Theme(screen._STYLES))
    for part in parts:
        out.print(part)
    assert isinstance(out.file, StringIO)
    return " ".join(out.file.getvalue().split())


@pytest.mark.parametrize("name", WORLDS)
def test_it_is_in_plan_and_in_status_with_its_reason(begin: Begin, name: str) -> None:
    world = WORLDS[name]
    flow = begin(**world.said)
    world.happen(flow)
    (environment,) = flow.ports.environments
    planned = plan_groups.plan(flow.ports, environment, run_id=world.run_id)
    kept: set[tuple[str, str]] = {(each.kind, each.reason) for each in planned.obstacles}
    kept |= {(each.refusal, each.why) for each in planned.groups if each.refusal}
    kept |= {("held", note) for each in planned.groups for note in each.notes if note.startswith("Held")}
    assert {kind for kind, _ in kept} == {world.kind}
    assert all(world.reason in reason for _, reason in kept)
    assert world.reason in printed(plan_command.rendered(planned))
    seen = status.read(flow.ports, environment)
    said: set[tuple[str, str]] = {(each.kind, each.reason) for each in seen.obstacles}
    said |= {(each.kind, each.reason) for each in seen.not_on}
    said |= {(each.phase, f"{each.id}: {each.reason}") for each in (*seen.under_way, *seen.ended)}
    assert [reason for kind, reason in said if kind == world.kind and world.reason in reason], said
    assert world.reason in printed(status_command._environment(seen))


def test_what_gke_took_back_refuses_nothing_any_more(begin: Begin) -> None:
    flow = begin()
    has_two_candidates(flow)
    (environment,) = flow.ports.environments
    assert {each.kind for each in status.read(flow.ports, environment).not_on} == {"ambiguous"}
    rows = table(flow, "compute.instanceTemplates")
    for path in [each for each in rows if each.endswith(("-00000001", "-00000002"))]:
        del rows[path]
    for group in groups(flow, L4):
        ref = GroupRef(PROJECT, last_part(group["zone"]), group["name"])
        look_at_group.handle(group_work(ref, L4, cause="a test"), flow.ports)
    assert status.read(flow.ports, environment).not_on == ()
