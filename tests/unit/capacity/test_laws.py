"""What holds of every decision, whatever the rules and the fleet."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from poolwright.capacity.decision import Grow, Hold, Shrink
from poolwright.capacity.observation import GpuNode, Observation
from poolwright.capacity.provisioner import Spec
from tests.unit.capacity.fleets import World, decided, fleets, specs, worlds

AT_ONCE = st.integers(1, 4)
STEPS = 60
many = settings(max_examples=400)


@many
@given(specs(), fleets(mixed=True), AT_ONCE)
def test_the_target_never_moves_away_from_the_bounds(spec: Spec, seen: Observation, at_once: int) -> None:
    def off(members: int) -> int:
        return max(0, spec.min_nodes - members, members - spec.max_nodes)

    decision = decided(spec, seen, at_once=at_once)
    assert off(decision.target) <= off(seen.members)
    if isinstance(decision, Grow):
        assert decision.target == seen.members + decision.count > seen.members
    if isinstance(decision, Shrink):
        assert decision.target == seen.members - len(decision.nodes) < seen.members


@many
@given(specs(), fleets(mixed=True), st.data())
def test_unknown_keeps_or_grows(spec: Spec, seen: Observation, data: st.DataObject) -> None:
    serving = [place for place, each in enumerate(seen.nodes) if each.serving]
    assume(serving)
    blind = data.draw(st.sets(st.sampled_from(serving), min_size=1))
    nodes = tuple(replace(each, duty_cycle=None) if place in blind else each for place, each in enumerate(seen.nodes))
    uses_it = (spec.min_gpu_utilization_percent, spec.max_gpu_utilization_percent) != (None, None)
    assert not uses_it or decided(spec, replace(seen, nodes=nodes)).target >= seen.members
    assert decided(spec, replace(seen, unknown=("members of a",))).target >= seen.members


@many
@given(specs(), fleets(), st.integers(1, 8), AT_ONCE)
def test_a_pod_more_that_waits_never_gives_less(spec: Spec, seen: Observation, gpus: int, at_once: int) -> None:
    more = replace(seen, pending=(*seen.pending, min(gpus, seen.gpus_per_node)))
    assert decided(spec, more, at_once=at_once).target >= decided(spec, seen, at_once=at_once).target


@many
@given(specs(), fleets(mixed=True), st.data(), AT_ONCE)
def test_a_busier_gpu_never_gives_less(spec: Spec, seen: Observation, data: st.DataObject, at_once: int) -> None:
    known = [place for place, each in enumerate(seen.nodes) if each.duty_cycle is not None]
    assume(known)
    place = data.draw(st.sampled_from(known))
    busier = _with(seen, place, duty_cycle=data.draw(st.floats(seen.nodes[place].duty_cycle or 0, 100)))
    assert decided(spec, busier, at_once=at_once).target >= decided(spec, seen, at_once=at_once).target


@many
@given(specs(), fleets(choosy=False), st.data(), AT_ONCE)
def test_a_pod_more_on_a_node_never_gives_less(
    spec: Spec, seen: Observation, data: st.DataObject, at_once: int
) -> None:
    """Pods that want a group of their own are left out: one that is crowded out of its room waits for that group, and
    leaves to others what it would have taken. So the demand moves to another group, and this step's may get less."""
    free = [place for place, each in enumerate(seen.nodes) if each.free]
    assume(free)
    place = data.draw(st.sampled_from(free))
    each = seen.nodes[place]
    gpus = data.draw(st.integers(1, each.free))
    more = _with(seen, place, used=each.used + gpus, gpu_pods=(*each.gpu_pods, gpus), movable=each.movable + 1)
    assert decided(spec, more, at_once=at_once).target >= decided(spec, seen, at_once=at_once).target


@many
@given(specs(), fleets(mixed=True), st.randoms(), AT_ONCE)
def test_the_order_of_nodes_pods_and_keys_does_not_matter(
    spec: Spec, seen: Observation, dice: random.Random, at_once: int
) -> None:
    def mixed(some: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dice.sample(some, len(some)))

    other = replace(
        seen,
        nodes=tuple(replace(each, gpu_pods=mixed(each.gpu_pods)) for each in mixed(seen.nodes)),
        pending=mixed(seen.pending),
    )
    prices = dict(mixed(tuple(spec.price_per_node_hour.items())))
    first = decided(spec, seen, at_once=at_once)
    second = decided(msgspec.structs.replace(spec, price_per_node_hour=prices), other, at_once=at_once)
    assert _plain(first) == _plain(second)
    assert (seen.load, seen.utilization) == (other.load, other.utilization)


@many
@given(specs(), fleets(mixed=True), AT_ONCE)
def test_the_buffer_is_kept_whenever_the_bound_allows(spec: Spec, seen: Observation, at_once: int) -> None:
    decision = decided(spec, seen, at_once=at_once)
    buffer = spec.min_unutilized_gpu_nodes
    if isinstance(decision, Shrink):
        left = seen.idle - sum(each.idle for each in decision.nodes)
        bound = seen.members - seen.going > spec.max_nodes
        assert left >= buffer or bound
    if isinstance(decision, Hold):
        refused = all(group.refusal for group in seen.groups)
        assert seen.idle + seen.on_the_way >= buffer or seen.members >= spec.max_nodes or refused


@many
@given(specs(), fleets(mixed=True), AT_ONCE)
def test_who_must_not_go_does_not_go(spec: Spec, seen: Observation, at_once: int) -> None:
    decision = decided(spec, seen, at_once=at_once)
    if not isinstance(decision, Shrink):
        return
    assert all(each.serving and not each.suspended and not each.objection for each in decision.nodes)
    for group in seen.groups:
        taken = sum(each.group == group.name for each in decision.nodes)
        in_hand = sum(each.group == group.name and each.cordoned and not each.suspended for each in seen.nodes)
        assert not taken or taken + in_hand <= at_once


@many
@given(specs(), fleets(mixed=True, known=True, healthy=True), st.randoms())
def test_a_busy_node_goes_only_if_its_pods_fit_elsewhere_wherever_they_are_put(
    spec: Spec, seen: Observation, dice: random.Random
) -> None:
    decision = decided(spec, seen)
    if not isinstance(decision, Shrink) or decision.nodes[0].idle:
        return
    (gone,) = decision.nodes
    assert not any(each.idle and not each.objection for each in seen.nodes) or spec.min_unutilized_gpu_nodes
    free = {each.name: each.free for each in seen.serving if each != gone}
    for gpus in dice.sample(gone.gpu_pods, len(gone.gpu_pods)):
        fitting = [name for name, size in free.items() if size >= gpus]
        assert fitting, f"a pod of {gpus} GPUs of {gone.name} finds no room"
        free[dice.choice(fitting)] -= gpus


@many
@given(specs(), fleets(mixed=True), AT_ONCE)
def test_what_stays_is_not_busier_than_the_middle_of_the_band(spec: Spec, seen: Observation, at_once: int) -> None:
    decision = decided(spec, seen, at_once=at_once)
    if not isinstance(decision, Shrink) or seen.members - seen.going > spec.max_nodes:
        return
    low, high = spec.min_gpu_utilization_percent, spec.max_gpu_utilization_percent
    assert low is not None
    left = seen.gpus - sum(each.gpus for each in decision.nodes)
    assert seen.load <= left * (low + (high or 100)) / 2 + 1e-6


@many
@given(specs(), worlds(mixed=True), AT_ONCE)
def test_constant_demand_comes_to_rest_and_nothing_that_went_is_bought_again(
    spec: Spec, world: World, at_once: int
) -> None:
    shrunk = False
    for _ in range(STEPS):
        seen = world.see()
        decision = decided(spec, seen, at_once=at_once)
        if isinstance(decision, Hold):
            break
        assert not (shrunk and isinstance(decision, Grow)), f"bought again: {decision.reason}"
        shrunk = shrunk or isinstance(decision, Shrink)
        world.carry_out(decision)
    else:
        raise AssertionError("it does not come to rest")
    if seen.members < spec.max_nodes:
        assert seen.idle >= spec.min_unutilized_gpu_nodes or len(world.refused) == len(seen.groups)
        for pod in world.waiting:
            able = (name for name, size in world.sizes.items() if pod.gpus <= size and pod.only in ("", name))
            assert world.refused.issuperset(able), f"{pod} waits, and a group has stock for it"


def _with(seen: Observation, place: int, **changes: object) -> Observation:
    nodes = list(seen.nodes)
    nodes[place] = replace(nodes[place], **changes)  # type: ignore[arg-type]
    return replace(seen, nodes=tuple(nodes))


def _plain(decision: Grow | Shrink | Hold) -> object:
    """The decision without the order of a node's pods."""
    if not isinstance(decision, Shrink):
        return decision
    nodes: tuple[GpuNode, ...] = tuple(replace(each, gpu_pods=tuple(sorted(each.gpu_pods))) for each in decision.nodes)
    return replace(decision, nodes=nodes)
