"""The state machine of a rollout, walked from its plan to its ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.rollouts import plan, steps
from poolwright.rollouts.commands import Action, NotNow, obey
from poolwright.rollouts.gate import BootedNode
from poolwright.rollouts.rollout import Policy, Rollout, Target, decode, encode


def targets(count: int) -> list[Target]:
    return [Target(group=f"projects/p/zones/z/instanceGroupManagers/g{index}", pool="pool") for index in range(count)]


def rollout(*, groups: int = 4, canary: bool = True, roll_back: bool = True) -> Rollout:
    return Rollout(
        id="dev-42",
        environment="dev",
        run_id=42,
        image="poolwright-dev-42",
        waves=plan.waves(targets(groups), fractions=(0.5, 1.0)),
        policy=Policy(bake_seconds=60, node_ready_seconds=600, canary_node=canary, roll_back_on_failure=roll_back),
        phase="mutating",
        created=1,
    )


@dataclass
class Fleet:
    """Carries steps out as the service would, and counts what it did."""

    rollout: Rollout
    nodes: list[BootedNode] = field(default_factory=list)
    healthy: bool = True
    now: float = 100.0
    done: list[str] = field(default_factory=list)

    def step(self) -> steps.Step:
        step = steps.next_step(self.rollout, self.nodes, now=self.now)
        if isinstance(step, steps.Become):
            self.rollout = step.rollout
        elif isinstance(step, steps.Mutate):
            self.done.append(f"mutate {step.target.group[-2:]}")
            self.rollout = steps.settled(self.rollout, step.target, state="mutated")
        elif isinstance(step, steps.RollBack):
            self.done.append(f"roll back {step.target.group[-2:]}")
            self.rollout = steps.settled(self.rollout, step.target, state="rolled back")
        elif isinstance(step, steps.AddCanary):
            self.done.append("add canary")
            self.rollout = steps.with_canary(self.rollout, step.target, "canary")
            self.nodes = [self._node()]
        elif isinstance(step, steps.RemoveCanary):
            self.done.append("remove canary")
            self.rollout = steps.without_canary(self.rollout)
            self.nodes = []
        else:
            self.now += 30
        return step

    def run(self, limit: int = 500) -> Rollout:
        for _ in range(limit):
            if self.rollout.finished:
                return self.rollout
            self.step()
        raise AssertionError(f"no end: {self.rollout.phase} {self.rollout.reason}")

    def _node(self) -> BootedNode:
        gpus = 2 if self.healthy else 0
        return BootedNode(name="canary", group="g", registered=True, ready=True, gpus=gpus, gpus_expected=2)


def test_a_good_image_goes_out_in_waves_and_idle_waves_are_called_unproven() -> None:
    fleet = Fleet(rollout())
    end = fleet.run()
    assert end.phase == "done"
    assert fleet.done == ["mutate g0", "add canary", "remove canary", "mutate g1", "mutate g2", "mutate g3"]
    assert [wave.verdict for wave in end.waves] == ["passed", "unproven", "unproven"]
    assert "unproven" in end.reason


def test_where_the_canary_group_is_refused_the_next_wave_proves_the_image() -> None:
    fleet = Fleet(rollout())
    fleet.step()
    first = fleet.rollout.waves[0].targets[0]
    fleet.rollout = steps.settled(fleet.rollout, first, state="refused", reason="skew")
    end = fleet.run()
    assert fleet.done == ["mutate g1", "mutate g2", "add canary", "remove canary", "mutate g3"]
    assert [wave.verdict for wave in end.waves] == ["unproven", "passed", "unproven"]


def test_an_idle_fleet_never_passes() -> None:
    end = Fleet(rollout(canary=False)).run()
    assert {wave.verdict for wave in end.waves} == {"unproven"}


def test_a_failed_canary_rolls_back_what_was_changed_and_nothing_else() -> None:
    fleet = Fleet(rollout(), healthy=False)
    end = fleet.run()
    assert end.phase == "rolled back"
    assert fleet.done == ["mutate g0", "add canary", "remove canary", "roll back g0"]
    assert "0 of 2 GPUs" in end.reason


def test_a_node_that_cannot_be_made_fails_the_gate_at_once() -> None:
    fleet = Fleet(rollout())
    while fleet.rollout.phase != "verifying" or not fleet.rollout.canary:
        fleet.step()
    fleet.nodes = [
        BootedNode(
            name="canary", group="g", registered=False, ready=False, gpus=0, gpus_expected=2, errors=("STOCKOUT: none",)
        )
    ]
    fleet.step()
    after = fleet.rollout
    assert (after.phase, "STOCKOUT" in after.reason) == ("rolling back", True)


def test_by_policy_a_failed_rollout_stays_where_it_is() -> None:
    fleet = Fleet(rollout(roll_back=False), healthy=False)
    assert fleet.run().phase == "failed"
    assert "roll back g0" not in fleet.done


@pytest.mark.parametrize("end", ["aborted", "superseded"])
def test_a_rollout_that_is_stopped_gives_its_canary_node_back(end: Literal["aborted", "superseded"]) -> None:
    fleet = Fleet(rollout())
    while not fleet.rollout.canary:
        fleet.step()
    fleet.rollout = msgspec.structs.replace(fleet.rollout, phase=end)
    assert not fleet.rollout.settled
    fleet.step()
    assert fleet.done[-1] == "remove canary"
    assert fleet.rollout.settled
    assert isinstance(fleet.step(), steps.Wait)


def test_a_paused_rollout_does_nothing_until_it_is_resumed() -> None:
    fleet = Fleet(obey(rollout(), "pause", sent=("2026-01-01T00:00:00", "1"), who="ada"))
    before = fleet.rollout
    assert isinstance(fleet.step(), steps.Wait)
    assert fleet.rollout == before
    fleet.rollout = obey(fleet.rollout, "resume", sent=("2026-01-01T00:00:01", "2"), who="ada")
    assert fleet.run().phase == "done"


def test_a_late_command_changes_nothing() -> None:
    resumed = obey(rollout(), "resume", sent=("2026-01-01T00:00:02", "2"), who="")
    with pytest.raises(NotNow, match="newer"):
        obey(resumed, "pause", sent=("2026-01-01T00:00:01", "1"), who="")


def test_a_finished_rollout_can_be_rolled_back_and_nothing_else() -> None:
    done = Fleet(rollout()).run()
    actions: tuple[Action, ...] = ("pause", "resume", "abort")
    for action in actions:
        with pytest.raises(NotNow):
            obey(done, action, sent=("2026-01-01", "9"), who="")
    fleet = Fleet(obey(done, "rollback", sent=("2026-01-01", "9"), who="ada"))
    assert fleet.run().phase == "rolled back"
    assert fleet.done == [f"roll back g{index}" for index in (3, 2, 1, 0)]


@given(st.integers(0, 60), st.lists(st.floats(0.01, 1), max_size=5).map(sorted))
def test_every_group_is_in_exactly_one_wave_and_no_wave_is_empty(count: int, fractions: list[float]) -> None:
    waves = plan.waves(targets(count), fractions=fractions)
    planned = [target.group for wave in waves for target in wave.targets]
    assert sorted(planned) == sorted(target.group for target in targets(count))
    assert all(wave.targets for wave in waves)
    if waves:
        assert len(waves[0].targets) == 1


@given(st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 30), st.sampled_from(["abort", "rollback"]))
def test_every_rollout_ends_whenever_it_is_stopped(
    groups: int, canary: bool, healthy: bool, after: int, action: Action
) -> None:
    fleet = Fleet(rollout(groups=groups, canary=canary), healthy=healthy)
    for _ in range(after):
        fleet.step()
    if not fleet.rollout.finished and fleet.rollout.phase != "rolling back":
        fleet.rollout = obey(fleet.rollout, action, sent=("2026", "1"), who="")
    end = fleet.run()
    if end.phase == "rolled back":
        assert all(target.state != "mutated" for target in end.targets)
        assert not end.canary


def test_a_document_survives_the_store_and_fields_of_a_newer_release() -> None:
    before = rollout()
    stored = msgspec.json.decode(msgspec.json.encode(encode(before) | {"somethingNew": 1}))
    assert decode(stored) == before
