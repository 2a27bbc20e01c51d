"""Provisioners and fleets to decide about: by hand, drawn, and a small world in which decisions are carried out."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from poolwright.capacity.decision import Decision, Grow, Shrink, decide
from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.provisioner import Cooldowns, Spec

LONG_AGO, NOW = 0.0, 1_800_000_000.0
NAMES = ("a", "b", "c")
ANY_TIME = Cooldowns(scale_down_seconds=0)


def node(name: str, *pods: int, duty: float | None = 50, group: str = "a", gpus: int = 2, **more: object) -> GpuNode:
    """`pods`: the GPUs of each of its GPU pods."""
    made = GpuNode(
        name=name, group=group, gpus=gpus, used=sum(pods), gpu_pods=tuple(pods), movable=len(pods), duty_cycle=duty
    )
    return replace(made, **more)  # type: ignore[arg-type]


def fleet(*nodes: GpuNode, pending: tuple[int, ...] = (), gpus_per_node: int = 2, **on_the_way: int) -> Observation:
    """Groups a, b and c with these nodes; `on_the_way` by group."""
    groups = tuple(
        Group(
            name=name,
            members=sum(each.group == name for each in nodes) + on_the_way.get(name, 0),
            on_the_way=on_the_way.get(name, 0),
            gpus_per_node=gpus_per_node,
        )
        for name in NAMES
    )
    return Observation(nodes=nodes, groups=groups, pending=pending, gpus_per_node=gpus_per_node)


def with_group(seen: Observation, name: str, **changes: object) -> Observation:
    """The same fleet, and something else about one group."""
    groups = tuple(replace(each, **changes) if each.name == name else each for each in seen.groups)  # type: ignore[arg-type]
    return replace(seen, groups=groups)


def decided(
    spec: Spec,
    seen: Observation,
    *,
    grown_at: float = LONG_AGO,
    shrunk_at: float = LONG_AGO,
    now: float = NOW,
    at_once: int = 1,
) -> Decision:
    return decide(spec, seen, grown_at=grown_at, shrunk_at=shrunk_at, now=now, at_once=at_once)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    low = draw(st.none() | st.integers(1, 60))
    high = draw(st.none() | st.integers((low or 0) + 5, 100))
    most = draw(st.integers(1, 12))
    return Spec(
        existing_instance_group_names=NAMES,
        min_gpu_utilization_percent=low,
        max_gpu_utilization_percent=high,
        min_unutilized_gpu_nodes=draw(st.integers(0, min(3, most))),
        min_nodes=draw(st.integers(0, min(4, most))),
        max_nodes=most,
        order=draw(st.sampled_from(["priority", "price"])),
        price_per_node_hour=dict(zip(NAMES, draw(st.permutations([1.0, 2.0, 2.0])), strict=True)),
        cooldowns=ANY_TIME,
    )


@st.composite
def pods_on(draw: st.DrawFn, gpus: int) -> tuple[int, ...]:
    """GPUs of pods that one node takes."""
    found: list[int] = []
    for want in draw(st.lists(st.integers(1, gpus), max_size=4)):
        if sum(found) + want <= gpus:
            found.append(want)
    return tuple(found)


def gpu_nodes(number: int, *, sizes: dict[str, int], known: bool) -> st.SearchStrategy[GpuNode]:
    sevenths = st.integers(0, 700) | st.integers(0, 70)
    duty = sevenths.map(lambda number: number / 7)
    healthy = st.sampled_from([True] * 6 + [False])
    rarely = st.sampled_from([False] * 6 + [True])

    @st.composite
    def one(draw: st.DrawFn) -> GpuNode:
        group = draw(st.sampled_from(NAMES))
        made = node(
            f"n{number}",
            *draw(pods_on(sizes[group])),
            group=group,
            gpus=sizes[group],
            duty=draw(duty if known else st.none() | duty),
            ready=draw(healthy),
            cordoned=draw(rarely),
            suspended=draw(rarely),
            objection=draw(st.sampled_from(["", "", "", "pod default/train forbids its eviction"])),
        )
        return replace(made, movable=made.movable + draw(st.integers(0, 3)))

    return one()


@st.composite
def fleets(draw: st.DrawFn, *, mixed: bool = False, known: bool = False, healthy: bool = False) -> Observation:
    """`mixed`: groups of different machines; `known`: every duty cycle is; `healthy`: nothing is broken or coming.
    Every other one is such that something may go: all is known, nothing waits, and nothing is coming."""
    calm = draw(st.booleans())
    sizes = {name: draw(st.sampled_from([2, 4, 8])) for name in NAMES}
    if not mixed:
        sizes = dict.fromkeys(NAMES, sizes["a"])
    count = draw(st.integers(0, 8))
    nodes = [draw(gpu_nodes(number, sizes=sizes, known=known or calm)) for number in range(count)]
    if healthy:
        nodes = [replace(each, ready=True, cordoned=False, suspended=False) for each in nodes]
    coming = {name: 0 if healthy or calm else draw(st.sampled_from([0, 0, 0, 1, 2])) for name in NAMES}
    groups = tuple(
        Group(
            name=name,
            members=sum(each.group == name for each in nodes) + coming[name],
            on_the_way=coming[name],
            refusal=draw(st.sampled_from(["", "", "dry until 14:05"])),
            reserved_free=draw(st.sampled_from([0, 0, 1, 3])),
            reserved=draw(st.booleans()),
            gpus_per_node=sizes[name],
        )
        for name in NAMES
    )
    return Observation(
        nodes=tuple(nodes),
        groups=groups,
        pending=() if calm else tuple(draw(st.lists(st.integers(1, max(sizes.values())), max_size=5))),
        gpus_per_node=max(sizes.values()),
    )


@dataclass
class World:
    """Constant demand: the same pods all the time, with the same load each. Decisions are carried out at once; the
    scheduler puts pods wherever they fit, by dice. `objects`: nodes with a pod that must not be evicted."""

    dice: random.Random
    sizes: dict[str, int]
    refused: frozenset[str]
    nodes: dict[str, tuple[str, list[tuple[int, float]]]] = field(default_factory=dict)
    waiting: list[tuple[int, float]] = field(default_factory=list)
    objects: frozenset[str] = frozenset()
    made: int = 0

    def see(self) -> Observation:
        """Once the scheduler has done what it can."""
        self.dice.shuffle(self.waiting)
        self.waiting = [pod for pod in self.waiting if not self._placed(pod)]
        nodes = tuple(self._seen(name) for name in self.nodes)
        groups = tuple(
            Group(
                name=name,
                members=sum(each.group == name for each in nodes),
                refusal="dry" if name in self.refused else "",
                gpus_per_node=size,
            )
            for name, size in self.sizes.items()
        )
        waiting = tuple(gpus for gpus, _ in self.waiting)
        return Observation(nodes=nodes, groups=groups, pending=waiting, gpus_per_node=max(self.sizes.values()))

    def carry_out(self, decision: Decision) -> None:
        if isinstance(decision, Grow):
            for _ in range(decision.count):
                self.made += 1
                self.nodes[f"new-{self.made}"] = (decision.group, [])
        if isinstance(decision, Shrink):
            for gone in decision.nodes:
                _, pods = self.nodes.pop(gone.name)
                self.waiting += pods

    def _seen(self, name: str) -> GpuNode:
        group, pods = self.nodes[name]
        size = self.sizes[group]
        duty = sum(gpus * load for gpus, load in pods) / size
        stays = "pod default/train forbids its eviction" if name in self.objects else ""
        return node(name, *(gpus for gpus, _ in pods), group=group, gpus=size, duty=duty, objection=stays)

    def _placed(self, pod: tuple[int, float]) -> bool:
        fitting = [
            pods for group, pods in self.nodes.values() if sum(gpus for gpus, _ in pods) + pod[0] <= self.sizes[group]
        ]
        if fitting:
            self.dice.choice(fitting).append(pod)
        return bool(fitting)


@st.composite
def worlds(draw: st.DrawFn, *, mixed: bool = False) -> World:
    seen = draw(fleets(mixed=mixed, known=True, healthy=True))
    loads = st.integers(0, 100).map(float)
    nodes = {each.name: (each.group, [(gpus, draw(loads)) for gpus in each.gpu_pods]) for each in seen.nodes}
    return World(
        dice=draw(st.randoms(use_true_random=False)),
        sizes={group.name: group.gpus_per_node for group in seen.groups},
        refused=frozenset(group.name for group in seen.groups if group.refusal),
        nodes=nodes,
        waiting=[(gpus, draw(loads)) for gpus in seen.pending],
        objects=frozenset(each.name for each in seen.nodes if each.objection),
    )
