"""What a provisioner decides, by example and by law."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from poolwright.capacity.decision import Grow, Hold, Shrink, decide
from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.provisioner import BadProvisioner, Cooldowns, Spec, decode

SPEC = Spec(
    existing_instance_group_names=("a", "b"),
    min_gpu_utilization_percent=20,
    max_gpu_utilization_percent=85,
    max_nodes=6,
    cooldowns=Cooldowns(scale_down_seconds=300),
)
LONG_AGO, NOW = 0.0, 10_000.0


def node(name: str, *, used: int = 2, duty: float | None = 50.0, group: str = "a", gpus: int = 2) -> GpuNode:
    return GpuNode(name=name, group=group, gpus=gpus, used=used, duty_cycle=duty)


def seen(*nodes: GpuNode, on_the_way: int = 0, pending: tuple[int, ...] = ()) -> Observation:
    groups = tuple(
        Group(
            name=name,
            members=sum(each.group == name for each in nodes) + (on_the_way if name == "a" else 0),
            on_the_way=on_the_way if name == "a" else 0,
        )
        for name in ("a", "b")
    )
    return Observation(nodes=nodes, groups=groups, pending=pending, gpus_per_node=2)


def test_a_duty_cycle_above_the_maximum_adds_what_brings_it_back() -> None:
    decision = decide(
        SPEC, seen(node("n1", duty=92), node("n2", duty=94)), grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1
    )
    assert isinstance(decision, Grow)
    assert (decision.group, decision.count, decision.target) == ("a", 1, 3)
    assert decision.reason == "GPU utilization is 93 %, above maxGPUUtilizationPercent 85"


def test_capacity_on_its_way_is_not_bought_twice() -> None:
    busy = (node("n1", duty=92), node("n2", duty=94))
    assert isinstance(
        decide(SPEC, seen(*busy, on_the_way=1), grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1), Hold
    )


def test_waiting_pods_are_given_the_nodes_they_need() -> None:
    decision = decide(
        SPEC, seen(node("n1"), pending=(2, 2, 1)), grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1
    )
    assert isinstance(decision, Grow)
    assert decision.count == 3


def test_an_idle_node_goes_when_utilization_is_low_and_the_least_preferred_group_gives_first() -> None:
    fleet = seen(node("n1", duty=10), node("n2", used=0, duty=0), node("n3", used=0, duty=0, group="b"))
    decision = decide(SPEC, fleet, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    assert isinstance(decision, Shrink)
    assert decision.nodes[0].name == "n3"


def test_nothing_shrinks_while_the_cooldown_runs() -> None:
    decision = decide(SPEC, seen(node("n1", used=0, duty=0)), grown_at=NOW - 10, shrunk_at=NOW - 10, now=NOW, at_once=1)
    assert isinstance(decision, Hold)
    assert "cooldown" in decision.reason


def test_a_refusing_group_is_passed_over() -> None:
    fleet = seen(node("n1", duty=95))
    fleet = replace(fleet, groups=(replace(fleet.groups[0], refusal="stockout"), fleet.groups[1]))
    decision = decide(SPEC, fleet, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    assert isinstance(decision, Grow)
    assert decision.group == "b"


nodes = st.lists(
    st.builds(
        GpuNode,
        name=st.uuids().map(str),
        group=st.sampled_from(["a", "b"]),
        gpus=st.just(2),
        used=st.integers(0, 2),
        ready=st.booleans(),
        cordoned=st.booleans(),
        duty_cycle=st.none() | st.floats(0, 100),
    ),
    max_size=8,
)
fleets = st.builds(
    lambda some, on_the_way, pending: seen(*some, on_the_way=on_the_way, pending=tuple(pending)),
    nodes,
    st.integers(0, 3),
    st.lists(st.integers(1, 2), max_size=5),
)
specs = st.builds(
    lambda low, gap, least, more, buffer: Spec(
        existing_instance_group_names=("a", "b"),
        min_gpu_utilization_percent=low,
        max_gpu_utilization_percent=low + gap,
        min_nodes=least,
        max_nodes=least + more,
        min_unutilized_gpu_nodes=buffer,
    ),
    st.floats(1, 50),
    st.floats(1, 50),
    st.integers(0, 3),
    st.integers(0, 6),
    st.integers(0, 2),
)


@given(specs, fleets)
def test_the_bounds_are_never_left(spec: Spec, fleet: Observation) -> None:
    decision = decide(spec, fleet, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    if isinstance(decision, Grow):
        assert fleet.members + decision.count <= spec.max_nodes
    if isinstance(decision, Shrink):
        assert fleet.members > spec.min_nodes


@given(specs, fleets)
def test_unknown_never_takes_capacity_away(spec: Spec, fleet: Observation) -> None:
    blind = replace(fleet, nodes=tuple(replace(each, duty_cycle=None) for each in fleet.nodes))
    decision = decide(spec, blind, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    assert not isinstance(decision, Shrink) or fleet.members > spec.max_nodes


@given(specs, fleets)
def test_only_a_node_that_nobody_uses_goes(spec: Spec, fleet: Observation) -> None:
    decision = decide(spec, fleet, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    if isinstance(decision, Shrink):
        assert decision.nodes[0].used == 0
        assert decision.nodes[0].serving
        idle = sum(each.idle for each in fleet.nodes)
        assert idle - 1 >= spec.min_unutilized_gpu_nodes


@given(specs, fleets, st.integers(1, 2))
def test_more_demand_never_gives_less(spec: Spec, fleet: Observation, gpus: int) -> None:
    def change(some: Observation) -> int:
        decision = decide(spec, some, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
        return decision.count if isinstance(decision, Grow) else -1 if isinstance(decision, Shrink) else 0

    assert change(replace(fleet, pending=(*fleet.pending, gpus))) >= change(fleet)


@given(specs, fleets, st.randoms())
def test_the_order_of_nodes_does_not_matter(spec: Spec, fleet: Observation, dice: object) -> None:
    shuffled = list(fleet.nodes)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    mixed = replace(fleet, nodes=tuple(shuffled))
    first = decide(spec, fleet, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    second = decide(spec, mixed, grown_at=LONG_AGO, shrunk_at=LONG_AGO, now=NOW, at_once=1)
    assert type(first) is type(second)
    if isinstance(first, Shrink) and isinstance(second, Shrink):
        assert first.nodes == second.nodes


def test_a_spec_that_cannot_be_used_names_the_field() -> None:
    for spec, field in (
        ({"existingInstanceGroupNames": ["a"]}, "maxNodes"),
        ({"existingInstanceGroupNames": ["a"], "maxNodes": "many"}, "maxNodes"),
        ({"existingInstanceGroupNames": [], "maxNodes": 1}, "existingInstanceGroupNames"),
        ({"existingInstanceGroupNames": ["a"], "maxNodes": 1, "minNodes": 2}, "minNodes"),
        (
            {
                "existingInstanceGroupNames": ["a"],
                "maxNodes": 1,
                "minGPUUtilizationPercent": 90,
                "maxGPUUtilizationPercent": 80,
            },
            "minGPUUtilizationPercent",
        ),
    ):
        try:
            decode({"metadata": {"name": "p"}, "spec": spec})
        except BadProvisioner as wrong:
            assert field in str(wrong)
        else:
            raise AssertionError(f"{spec} was accepted")
