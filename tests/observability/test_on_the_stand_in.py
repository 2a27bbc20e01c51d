"""Facts of real flows on the stand-in, through the lines they print and the metrics that take them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from poolwright.references import ClusterRef, GroupRef
from poolwright.services import leases, stop
from poolwright.services.ports import Weather
from tests.chaos.flows.world import L4, command, groups, image, phase, scale, table
from tests.observability import module
from tests.observability.conftest import Lines
from tests.observability.lines import of
from tests.services.capacity.conftest import change, look, stock
from tests.services.conftest import Begin

METRICS = module.metrics()
Facts = list[tuple[str, dict[str, Any], float]]


def facts(lines: Lines) -> Facts:
    """What was counted and measured since the last call; a metric line that no metric takes is a failure."""
    told = lines()
    found = of(METRICS, told)
    assert len(found) == sum("metric" in line for line in told)
    assert all(
        text
        for name, labels, _ in found
        for label, text in labels.items()
        if label not in ("cluster", "environment", "place")
    )
    return found


def count(found: Facts, name: str, label: str) -> Counter[str]:
    """How often a label of a metric had each value."""
    return Counter(labels[label] for each, labels, _ in found if each == name)


def last(found: Facts, name: str, **wanted: str) -> float:
    """The number that was measured last."""
    return [value for each, labels, value in found if each == name and wanted.items() <= labels.items()][-1]


def test_a_rollout_is_counted_from_its_start_to_its_end_and_what_gke_puts_back_is_seen(
    begin: Begin, lines: Lines
) -> None:
    flow = begin()
    before = groups(flow, L4)[0]
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    flow.pass_time(300)
    found = facts(lines)
    phases, waves = count(found, "rollout", "phase"), count(found, "wave", "verdict")
    assert phases["done"] == 1 and phases["mutating"] >= 1 and "failed" not in phases
    assert sum(waves.values()) == 3 and "failed" not in waves
    assert count(found, "message", "function").keys() >= {"rollout_command", "step", "tick", "notify"}
    assert count(found, "message", "outcome").keys() <= {"handled", "busy", "irrelevant"}
    assert count(found, "record", "kind")["mutation"] == 6  # decided and done, three groups
    assert max(value for name, _, value in found if name == "overdue") < 300
    assert last(found, "fleet", run="released") == 3 and last(found, "fleet", run="GKE") == 0
    assert last(found, "drifting") == 0
    assert count(found, "put_back", "environment") == {}

    (key,) = (name for name in table(flow, "compute.instanceGroupManagers") if name.endswith(before["name"]))
    group = table(flow, "compute.instanceGroupManagers")[key]
    group["instanceTemplate"] = before["instanceTemplate"]
    group["versions"] = [{"instanceTemplate": before["instanceTemplate"]}]
    flow.pass_time(400)
    found = facts(lines)
    assert max(value for name, _, value in found if name == "drifting") == 1
    assert sum(count(found, "put_back", "environment").values()) == 1
    assert last(found, "drifting") == 0


@pytest.mark.slow
def test_a_rollout_that_does_not_move_is_overdue_and_one_that_waits_for_a_person_is_not(
    begin: Begin, lines: Lines
) -> None:
    flow = begin()
    for group in groups(flow, L4):
        leases.take(flow.ports, leases.of_group(GroupRef.parse(group["selfLink"])), holder="a dead hand", seconds=3000)
    image(flow, run_id=1)
    command(flow, "start")
    flow.pass_time(1500)
    assert 1200 < last(facts(lines), "overdue", phase="mutating") < 1600
    command(flow, "pause")
    flow.pass_time(10)
    lines()
    flow.pass_time(600)
    found = facts(lines)
    assert [name for name, _, _ in found if name == "overdue"] == []
    assert count(found, "brake", "kind")["paused"] >= 3


def test_a_stop_is_seen_for_as_long_as_it_lasts(begin: Begin, lines: Lines) -> None:
    flow = begin()
    stop.set_stop(flow.ports, who="ada", why="a test")
    flow.pass_time(600)
    assert count(facts(lines), "brake", "kind")["stopped"] >= 3
    stop.lift(flow.ports, who="ada")
    flow.pass_time(600)
    assert count(facts(lines), "brake", "kind") == {}


def test_what_a_provisioner_does_not_get_is_counted_and_so_is_what_it_refuses(
    begin_capacity: Begin, lines: Lines
) -> None:
    flow = begin_capacity()
    for zone in ("us-central1-a", "us-central1-b"):
        stock(flow, zone, 1)
    flow.there(lambda: scale(flow, "chat", replicas=5))
    flow.pass_time(900)
    found = facts(lines)
    actions = count(found, "decision", "action")
    assert actions["grow"] >= 1 and actions["short"] >= 1
    assert sum(count(found, "stockout", "group").values()) >= 1
    change(flow, {"existingInstanceGroupNames": ["no-such-group"]})
    look(flow, times=3)
    assert count(facts(lines), "decision", "action")["refused"] >= 3


def test_a_cluster_that_does_not_answer_is_a_look_that_the_tick_goes_on_without(
    begin: Begin, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = begin()
    flow.pass_time(200)
    lines()
    monkeypatch.setitem(flow.ports.__dict__, "clusters", Unreachable())
    flow.pass_time(600)
    assert {"provisioners", "closed nodes"} <= count(facts(lines), "unseen", "look").keys()


class Unreachable:
    """Control planes that nobody can be led to."""

    def kubernetes(self, ref: ClusterRef) -> Any:
        raise Weather(f"{ref} does not answer")
