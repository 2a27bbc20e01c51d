"""The global stop."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from poolwright.events.cloud_build import BuildStatus
from poolwright.events.rollout_command import RolloutCommand
from poolwright.events.tick import Tick
from poolwright.events.work import GroupWork
from poolwright.services import image_built, rollout_command, step, stop, tick
from poolwright.verdicts import Busy, Refused
from tests.unit.services.conftest import Outside, environment

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WORK = GroupWork(
    project="p", zone="z", name="g", location="us-central1", cluster="serving", pool="l4", cause="a test"
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_environment(outside: Outside) -> None:
    outside.environments = (environment("dev", "acme-dev"),)


def halt(outside: Outside) -> str:
    return stop.set_stop(outside.ports, who="ada", why="nodes do not join")


def test_it_says_who_stopped_poolwright_when_and_why(outside: Outside) -> None:
    assert stop.stopped(outside.ports) == ""
    assert halt(outside) == stop.stopped(outside.ports)
    for part in ("1970-01-12 13:46 UTC", "ada", "nodes do not join", "poolwright resume"):
        assert part in stop.stopped(outside.ports)


def test_a_second_stop_changes_nothing(outside: Outside) -> None:
    first = halt(outside)
    assert stop.set_stop(outside.ports, who="bob", why="me too") == first
    assert len(outside.store.all("records")) == 1


def test_a_stop_and_its_end_are_recorded_with_the_claimed_requester(outside: Outside) -> None:
    halt(outside)
    stop.lift(outside.ports, who="bob")
    assert stop.stopped(outside.ports) == ""
    assert {(each["what"], each["requester"]) for each in outside.publisher.told} == {
        ("stopped", "ada"),
        ("resumed", "bob"),
    }
    assert stop.lift(outside.ports, who="bob").startswith("poolwright goes on")
    assert len(outside.publisher.told) == 2


def test_two_who_stop_at_once_are_told_to_look(outside: Outside) -> None:
    def ada_is_faster() -> None:
        halt(outside)

    outside.store.before["control"] = ada_is_faster
    with pytest.raises(Busy, match="somebody else"):
        stop.set_stop(outside.ports, who="bob", why="")


def test_a_stopped_step_is_acknowledged_and_nothing_is_written(outside: Outside) -> None:
    why = halt(outside)
    before = outside.store.all("leases"), outside.store.all("records")
    assert step.handle(WORK, outside.ports) == f"not taken: {why}"
    assert (outside.store.all("leases"), outside.store.all("records")) == before
    assert outside.publisher.sent == []


def test_a_tick_asks_for_nothing_while_poolwright_is_stopped(outside: Outside) -> None:
    halt(outside)
    event = Tick(message_id="1", publish_time=NOW, subscription="s")
    assert "nothing is asked for" in tick.handle(event, outside.ports)
    assert outside.publisher.sent == []


def test_a_build_that_ends_is_recorded_and_left_to_a_later_tick(outside: Outside) -> None:
    halt(outside)
    event = BuildStatus(
        message_id="1", publish_time=NOW, subscription="s", build_id="b", project="acme-dev", status="SUCCESS",
        project_number="", location="global",
        product="boot-image", tags=(), substitutions={"_ENV": "dev"}, service_account="", failure="", log_url="",
    )  # fmt: skip
    assert "left to a later tick" in image_built.handle(event, outside.ports)
    assert [each.body["kind"] for each in outside.store.all("records") if each.body["kind"] != "stop"] == [
        "build heard"
    ]
    assert outside.store.all("builds") == []


def test_a_start_is_refused_with_the_reason(outside: Outside) -> None:
    halt(outside)
    event = RolloutCommand(
        message_id="1", publish_time=NOW, subscription="s", action="start", environment="dev", run_id=None,
        rollout=None, requester="ada", reason="",
    )  # fmt: skip
    with pytest.raises(Refused, match="nodes do not join"):
        rollout_command.handle(event, outside.ports)
