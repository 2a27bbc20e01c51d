"""The state machine of a rollout, walked from its plan to its ends."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.rollouts import plan, steps
from poolwright.rollouts.commands import Action, NotNow, obey
from poolwright.rollouts.rollout import decode, encode
from poolwright.verdicts import Refused
from tests.unit.rollouts.fleet import Fleet, node, rollout, targets, verdicts


def test_a_good_image_goes_out_in_waves_and_idle_waves_are_called_unproven() -> None:
    fleet = Fleet(rollout())
    end = fleet.run()
    assert end.phase == "done"
    assert fleet.done == ["mutate g0", "make canary", "remove canary", "mutate g1", "mutate g2", "mutate g3"]
    assert [wave.verdict for wave in end.waves] == ["passed", "unproven", "unproven"]
    assert "unproven" in end.reason


def test_a_wave_asks_for_all_its_groups_at_once_and_asks_again_only_at_a_tick() -> None:
    fleet = Fleet(rollout(groups=100))
    while fleet.rollout.wave == 0:
        fleet.step()
        while fleet.asked:
            fleet.change(fleet.asked.pop())
    while not fleet.asked:
        fleet.step()
    assert len(fleet.asked) == 50
    fleet.asked.clear()
    assert isinstance(fleet.step(), steps.Wait)
    assert not fleet.asked
    fleet.now += 60
    assert isinstance(fleet.step(), steps.Ask)
    assert len(fleet.asked) == 50


def test_where_the_canary_group_is_refused_another_single_group_proves_the_image() -> None:
    fleet = Fleet(rollout(groups=6), refuses=frozenset({"g0"}))
    end = fleet.run()
    assert fleet.done[:4] == ["mutate g1", "make canary", "remove canary", "mutate g2"]
    assert verdicts(end)["canary"] == "unproven"
    assert verdicts(end)["canary 2"] == "passed"


def test_an_image_that_every_group_refuses_is_not_done() -> None:
    end = Fleet(rollout(groups=3), refuses=frozenset({"g0", "g1", "g2"})).run()
    assert (end.phase, end.reason) == ("failed", "no group is on run 42: 3 of 3 refused it")


def test_an_idle_fleet_without_a_canary_node_holds_and_says_so() -> None:
    fleet = Fleet(rollout(canary=False))
    end = fleet.run()
    assert (end.phase, end.wave) == ("verifying", 0)
    assert fleet.done == ["mutate g0"]
    assert end.reason == "canary is unproven: no node booted the image, and the policy adds none"


def test_a_node_that_comes_by_itself_ends_the_holding() -> None:
    fleet = Fleet(rollout(canary=False))
    fleet.run(50)
    fleet.nodes["x"] = node("x", fleet.rollout.current.targets[0].group)
    end = fleet.run()
    assert (end.phase, end.waves[0].verdict) == ("done", "passed")


def test_a_stockout_of_the_canary_node_is_weather() -> None:
    fleet = Fleet(rollout(), room=False)
    held = fleet.run(100)
    assert held.phase == "verifying"
    assert "unproven: there is no room for canary node" in held.reason
    assert fleet.done.count("make canary") > 2
    assert fleet.done.count("make canary") - fleet.done.count("give up canary") in (0, 1)
    fleet.room = True
    assert fleet.run().waves[0].verdict == "passed"


def test_a_member_for_which_there_is_no_room_neither_proves_the_image_nor_holds_a_wave_up() -> None:
    fleet = Fleet(rollout(groups=2))
    for target in fleet.rollout.targets:
        name = f"member of {target.group}"
        fleet.nodes[name] = node(name, target.group, errors=("QUOTA_EXCEEDED: NVIDIA_L4_GPUS",))
    end = fleet.run()
    assert (end.phase, list(verdicts(end).values())) == ("done", ["passed", "unproven"])
    assert fleet.done == ["mutate g0", "make canary", "remove canary", "mutate g1"]


def test_each_try_of_a_canary_node_has_another_name() -> None:
    fleet = Fleet(rollout(), room=False)
    names = []
    for _ in range(60):
        fleet.step()
        while fleet.asked:
            fleet.change(fleet.asked.pop())
        if fleet.rollout.canary and fleet.rollout.canary not in names:
            names.append(fleet.rollout.canary)
    assert len(names) > 2


def test_a_canary_node_that_vanishes_in_its_bake_proves_nothing() -> None:
    fleet = Fleet(rollout(groups=1))
    while fleet.rollout.phase != "baking":
        fleet.step()
        while fleet.asked:
            fleet.change(fleet.asked.pop())
    fleet.nodes.clear()
    assert isinstance(fleet.step(), steps.Become)
    assert fleet.live.phase == "verifying"
    end = fleet.run()
    assert (end.phase, end.waves[0].verdict) == ("done", "passed")
    assert fleet.done == ["mutate g0", "make canary", "give up canary", "make canary", "remove canary"]


def test_a_failed_canary_rolls_back_what_was_changed_and_nothing_else() -> None:
    fleet = Fleet(rollout(), healthy=False)
    end = fleet.run()
    assert end.phase == "rolled back"
    assert fleet.done == ["mutate g0", "make canary", "remove canary", "roll back g0"]
    assert "0 of 2 GPUs" in end.reason


def test_a_group_that_was_on_the_image_before_is_not_rolled_back() -> None:
    fleet = Fleet(rollout(), healthy=False)
    first = fleet.rollout.waves[0].targets[0]
    fleet.documents[first.group] = msgspec.structs.replace(first, state="mutated", found=True)
    end = fleet.run()
    assert end.phase == "rolled back"
    assert fleet.done == ["make canary", "remove canary"]


def test_a_target_whose_nodes_could_not_be_replaced_fails_the_rollout() -> None:
    fleet = Fleet(rollout())
    first = fleet.rollout.waves[0].targets[0]
    fleet.on_ours.add(first.group)
    fleet.documents[first.group] = msgspec.structs.replace(first, state="failed", reason="node n1 would not drain")
    end = fleet.run()
    assert (end.phase, end.reason) == ("rolled back", "node n1 would not drain")
    assert not fleet.on_ours


def test_by_policy_a_failed_rollout_stays_where_it_is() -> None:
    fleet = Fleet(rollout(roll_back=False), healthy=False)
    assert fleet.run().phase == "failed"
    assert "roll back g0" not in fleet.done


def test_no_wave_begins_while_the_window_is_closed_and_what_has_begun_goes_on() -> None:
    fleet = Fleet(rollout(), closed="Frozen until Monday.")
    held = fleet.run(50)
    assert (held.phase, held.reason, fleet.done) == ("mutating", "canary waits. Frozen until Monday.", [])
    fleet.closed = ""
    while fleet.rollout.phase != "baking":
        fleet.run(1)
    fleet.closed = "Outside of the windows."
    held = fleet.run(50)
    assert (held.wave, held.reason) == (1, "wave 1 waits. Outside of the windows.")
    fleet.rollout = obey(held, "rollback", sent=("2026-01-01T00:00:00", "1"), who="")
    assert fleet.run().phase == "rolled back"


@pytest.mark.parametrize("end", ["aborted", "superseded"])
def test_a_rollout_that_is_stopped_gives_its_canary_node_back(end: Literal["aborted", "superseded"]) -> None:
    fleet = Fleet(rollout())
    while not fleet.nodes:
        fleet.run(1)
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
    fleet = Fleet(rollout())
    done = fleet.run()
    actions: tuple[Action, ...] = ("pause", "resume", "abort")
    for action in actions:
        with pytest.raises(NotNow):
            obey(done, action, sent=("2026-01-01", "9"), who="")
    fleet.done.clear()
    fleet.rollout = obey(done, "rollback", sent=("2026-01-01", "9"), who="ada")
    assert fleet.run().phase == "rolled back"
    assert sorted(fleet.done) == [f"roll back g{index}" for index in range(4)]


@given(st.integers(0, 60), st.lists(st.floats(0.01, 1), max_size=5).map(sorted))
def test_every_group_is_in_exactly_one_wave_and_no_wave_is_empty(count: int, fractions: list[float]) -> None:
    waves = plan.waves(targets(count), fractions=fractions)
    planned = [target.group for wave in waves for target in wave.targets]
    assert sorted(planned) == sorted(target.group for target in targets(count))
    assert all(wave.targets for wave in waves)
    if waves:
        assert len(waves[0].targets) == 1


def test_chosen_groups_are_found_by_name_and_by_zone_and_name() -> None:
    among = targets(3)
    assert plan.chosen(among, ["g1", "z/g2", "g1"], excluded={}) == [among[1], among[2]]


def test_a_name_that_no_group_has_is_refused_with_those_that_would_do() -> None:
    with pytest.raises(
        Refused, match=r"g9 is no instance group .*; a100 is left alone: scarce.* Use some of: z/g0, z/g1"
    ):
        plan.chosen(targets(2), ["g9"], excluded={"projects/p/locations/l/clusters/c/nodePools/a100": "scarce"})


def test_a_name_that_two_groups_have_is_refused() -> None:
    other = msgspec.structs.replace(targets(1)[0], group="projects/p/zones/y/instanceGroupManagers/g0")
    with pytest.raises(Refused, match=r"g0 is the name of 2 instance groups\. Use some of: y/g0, z/g0"):
        plan.chosen([*targets(2), other], ["g0"], excluded={})


def test_a_document_survives_the_store_and_fields_of_a_newer_release() -> None:
    before = rollout()
    stored = msgspec.json.decode(msgspec.json.encode(encode(before) | {"somethingNew": 1}))
    assert decode(stored) == before
