"""A rollout in a cluster that its people suspended: nothing begins, and what is begun is finished."""

from __future__ import annotations

import msgspec
import pytest

from poolwright.entries import Entry
from poolwright.events.work import RolloutWork
from poolwright.rollouts.rollout import Phase, Rollout, decode
from poolwright.services import known_rollouts, progress, step
from tests.unit.services.conftest import Outside
from tests.unit.services.test_change_target import Google, change, google, states, take, under_way, work

__all__ = ["google"]
SUSPENDED = {"poolwright": "DrainAndSuspend"}
STEP = RolloutWork(rollout="dev-42", cause="tick")


def rollout(outside: Outside) -> Rollout:
    stored = outside.store.get(known_rollouts.COLLECTION, "dev-42")
    assert stored is not None
    return progress.merged(outside.ports, decode(stored.body))


def held(outside: Outside) -> list[str]:
    entries: list[Entry] = [each for each in rollout(outside).outbox if each.what.startswith("held")]
    return [entry.why for entry in entries]


def test_a_target_that_waits_is_not_changed_and_says_for_whom(outside: Outside, google: Google) -> None:
    (target,) = under_way(outside, groups=1).targets
    outside.clusters.states = SUSPENDED
    take(outside, target)
    assert (states(outside), google.done) == (["waiting"], [])
    assert "ConfigMap poolwright/poolwright says DrainAndSuspend" in rollout(outside).targets[0].reason
    outside.clusters.states = {}
    take(outside, target)
    assert states(outside) == ["mutated"]


def test_a_target_at_which_somebody_began_is_finished(outside: Outside, google: Google) -> None:
    (target,) = under_way(outside, groups=1).targets
    progress.save(outside.ports, rollout(outside), msgspec.structs.replace(target, state="changing"), None)
    outside.clusters.states = SUSPENDED
    take(outside, target)
    assert states(outside) == ["mutated"]


def test_a_target_that_is_to_go_back_waits_too(outside: Outside, google: Google) -> None:
    (target,) = under_way(outside, groups=1).targets
    take(outside, target)
    change(outside, phase="rolling back")
    outside.clusters.states = SUSPENDED
    take(outside, target)
    assert (states(outside), len(google.done)) == (["mutated"], 1)
    outside.clusters.states = {"poolwright": "Running"}
    take(outside, target)
    assert states(outside) == ["rolled back"]


@pytest.mark.parametrize("began", [0.0, 1.0])
@pytest.mark.parametrize("phase", ["mutating"])
def test_the_rollout_says_that_it_waits_once_and_goes_on_when_it_may(
    outside: Outside, google: Google, began: float, phase: Phase
) -> None:
    found = under_way(outside, groups=2, phase=phase)
    waves = tuple(msgspec.structs.replace(wave, began=began) for wave in found.waves)
    change(outside, waves=waves, asked_time=0, reason="as it was")
    outside.clusters.states = SUSPENDED
    step.handle(STEP, outside.ports)
    assert "as it was; waits for its people: serving: ConfigMap poolwright/poolwright" in rollout(outside).reason
    assert len(held(outside)) == 1
    step.handle(STEP, outside.ports)
    assert not held(outside), "it is told, and not decided again"
    assert "target" not in work(outside)
    if began:
        outside.clusters.states = {}
        step.handle(STEP, outside.ports)
        assert work(outside)["target"] == 2
        assert rollout(outside).reason == "as it was"
