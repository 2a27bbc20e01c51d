"""When a rollout should have moved by now."""

from __future__ import annotations

import msgspec
import pytest

from poolwright.rollouts import overdue
from poolwright.rollouts.rollout import Phase, Policy, Rollout, Target, Wave

POLICY = Policy(bake_seconds=600, node_ready_seconds=900, canary_node=False, roll_back_on_failure=True)
TARGET = Target(group="g", pool="p", state="changing", moved=1100)
WAVE = Wave(name="canary", targets=(TARGET,), began=1000, verified=2000)
ROLLOUT = Rollout(
    id="dev-1", environment="dev", run_id=1, image="i", waves=(WAVE,), policy=POLICY, phase="baking", created=900
)


def late(*, now: float, **changes: object) -> float | None:
    return overdue.seconds(msgspec.structs.replace(ROLLOUT, **changes), now=now)


@pytest.mark.parametrize(
    ("phase", "patience"), [("baking", 600), ("verifying", 900), ("mutating", 0), ("rolling back", 0)]
)
def test_a_phase_has_its_time_and_then_each_second_counts(phase: Phase, patience: float) -> None:
    assert late(phase=phase, now=2000 + patience) == 0
    assert late(phase=phase, now=2000 + patience + 60) == 60


def test_nodes_that_are_drained_may_take_as_long_as_a_drain() -> None:
    policy = msgspec.structs.replace(POLICY, node_policy="replace", drain_seconds=3600)
    assert late(phase="mutating", policy=policy, now=2000 + 3600) == 0
    assert late(phase="mutating", policy=policy, now=2000 + 3700) == 100


def test_each_group_that_comes_further_begins_the_count_anew() -> None:
    wave = msgspec.structs.replace(WAVE, verified=0, targets=(TARGET, msgspec.structs.replace(TARGET, moved=5000)))
    assert late(phase="mutating", waves=(wave,), now=5060) == 60


@pytest.mark.parametrize("phase", ["offered", "done", "rolled back", "failed", "aborted", "superseded"])
def test_what_is_over_or_not_begun_is_never_late(phase: Phase) -> None:
    assert late(phase=phase, now=1e9) is None


def test_what_people_or_a_window_make_wait_is_not_late() -> None:
    assert late(paused=True, now=1e9) is None
    assert late(phase="mutating", waves=(msgspec.structs.replace(WAVE, began=0),), now=1e9) is None


def test_a_resumed_rollout_is_counted_from_there() -> None:
    paused = msgspec.structs.replace(ROLLOUT, paused=True)
    resumed = overdue.moved(paused, ROLLOUT, now=9000)
    assert resumed.moved == 9000
    assert overdue.moved(ROLLOUT, msgspec.structs.replace(ROLLOUT, reason="another"), now=9000).moved == 0


def test_another_reason_is_no_step_further() -> None:
    assert overdue.further(TARGET, msgspec.structs.replace(TARGET, reason="waits"), now=9000).moved == 1100
    assert overdue.further(TARGET, msgspec.structs.replace(TARGET, state="mutated"), now=9000).moved == 9000
