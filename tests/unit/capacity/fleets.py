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
    low = draw(st.sampled_from([None, 20, 40, 60]))
    high = draw(st.sampled_from([None, (low or 0) + 5, (low or 0) + 20, 100]))
    most = draw(st.integers(1, 12))
    return Spec(
        existing_instance_group_names=NAMES,
        min_gpu_utilization_percent=low,
        max_gpu_utilization_percent=high,
        min_unutilized_gpu_nodes=min(most, draw(st.integers(0, 3))),
        min_nodes=min(most, draw(st.integers(0, 6))),
        max_nodes=most,
        order=draw(st.sampled_from(["priority", "price"])),
        price_per_node_hour=dict(zip(NAMES, draw(st.permutations([1.0, 2.0, 2.0])), strict=True)),
        cooldowns=ANY_TIME,
    )


def fleets(
    *, mixed: bool = False, known: bool = False, healthy: bool = False, choosy: bool = True
) -> st.SearchStrategy[Observation]:
    """`mixed`: groups of different machines; `known`: every duty cycle is; `healthy`: nothing is broken or coming;
    `choosy`: some of the pods that wait want a group of their own."""

    def made(count: int, calm: bool, seed: int) -> Observation:
        seen = _thrown(random.Random(seed), count, calm=calm, mixed=mixed, known=known, healthy=healthy)
        return seen if choosy else replace(seen, choosy=())

    return st.builds(made, st.integers(0, 9), st.booleans(), st.integers(0, 2**32))


def _thrown(dice: random.Random, count: int, *, calm: bool, mixed: bool, known: bool, healthy: bool) -> Observation:
    """A fleet by dice, quicker by far than by hypothesis. `calm`: something may go, as all is known and nothing waits
    or is coming."""
    sizes = {name: dice.choice([2, 4, 8]) for name in NAMES}
    if not mixed:
        sizes = dict.fromkeys(NAMES, sizes["a"])
    nodes = [_node(dice, f"n{number}", sizes, calm=calm) for number in range(count)]
    if not known and not calm:
        nodes = [replace(each, duty_cycle=None) if dice.random() < 0.1 else each for each in nodes]
    if not healthy:
        nodes = [
            replace(each, ready=_mostly(dice), cordoned=not _mostly(dice), suspended=not _mostly(dice))
            for each in nodes
        ]
    coming = {name: 0 if healthy or calm else dice.choice([0, 0, 0, 1, 2]) for name in NAMES}
    groups = tuple(
        Group(
            name=name,
            members=sum(each.group == name for each in nodes) + coming[name],
            on_the_way=coming[name],
            refusal=dice.choice(["", "", "dry until 14:05"]),
            reserved_free=dice.choice([0, 0, 1, 3]),
            reserved=dice.choice([True, False]),
            gpus_per_node=sizes[name],
        )
        for name in NAMES
    )
    most = max(sizes.values())
    pending = () if calm else tuple(dice.randint(1, most) for _ in range(dice.randint(0, 6)))
    choosy = [(gpus, dice.choice([name for name in NAMES if sizes[name] == most])) for gpus in pending]
    return Observation(
        nodes=tuple(nodes),
        groups=groups,
        pending=pending,
        gpus_per_node=most,
        choosy=tuple((gpus, frozenset({name})) for gpus, name in choosy if dice.random() < 0.2),
    )


def _mostly(dice: random.Random) -> bool:
    return dice.random() < 0.9


def _node(dice: random.Random, name: str, sizes: dict[str, int], *, calm: bool) -> GpuNode:
    group = dice.choice(NAMES)
    pods: list[int] = []
    for _ in range(dice.choice([0, 0, 1, 2, 4])):
        if (gpus := dice.randint(1, sizes[group])) + sum(pods) <= sizes[group]:
            pods.append(gpus)
    made = node(
        name,
        *pods,
        group=group,
        gpus=sizes[group],
        duty=dice.random() * (30 if calm else 100),
        objection="" if _mostly(dice) else "pod default/train forbids its eviction",
    )
    return replace(made, movable=made.movable + dice.randint(0, 3))


@dataclass(frozen=True)
class Work:
    """A pod: its GPUs, how busy they are in percent, and the only group that serves it, if it is choosy."""

    gpus: int
    load: float
    only: str = ""


@dataclass
class World:
    """Constant demand: the same pods all the time, with the same load each. Decisions are carried out at once; the
    scheduler puts pods wherever they fit, by dice. `objects`: nodes with a pod that must not be evicted."""

    dice: random.Random
    sizes: dict[str, int]
    refused: frozenset[str]
    nodes: dict[str, tuple[str, list[Work]]] = field(default_factory=dict)
    waiting: list[Work] = field(default_factory=list)
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
        return Observation(
            nodes=nodes,
            groups=groups,
            pending=tuple(pod.gpus for pod in self.waiting),
            gpus_per_node=max(self.sizes.values()),
            choosy=tuple((pod.gpus, frozenset({pod.only})) for pod in self.waiting if pod.only),
        )

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
        duty = sum(pod.gpus * pod.load for pod in pods) / size
        stays = "pod default/train forbids its eviction" if name in self.objects else ""
        made = node(name, *(pod.gpus for pod in pods), group=group, gpus=size, duty=duty, objection=stays)
        return replace(made, serves_them=frozenset({group} if any(pod.only for pod in pods) else ()))

    def _placed(self, pod: Work) -> bool:
        fitting = [
            pods
            for group, pods in self.nodes.values()
            if sum(other.gpus for other in pods) + pod.gpus <= self.sizes[group] and pod.only in ("", group)
        ]
        if fitting:
            self.dice.choice(fitting).append(pod)
        return bool(fitting)


def worlds(*, mixed: bool = False) -> st.SearchStrategy[World]:
    def made(seen: Observation, calm: bool, dice: random.Random) -> World:
        def work(gpus: int, only: str = "") -> Work:
            return Work(gpus, dice.random() * (30 if calm else 100), only)

        return World(
            dice=dice,
            sizes={group.name: group.gpus_per_node for group in seen.groups},
            refused=frozenset(group.name for group in seen.groups if group.refusal),
            nodes={
                each.name: (each.group, [work(gpus, dice.choice(["", "", each.group])) for gpus in each.gpu_pods])
                for each in seen.nodes
            },
            waiting=[
                *(work(gpus) for (gpus, only), count in seen.waiting.items() if not only for _ in range(count)),
                *(work(gpus, min(only)) for gpus, only in seen.choosy),
            ],
            objects=frozenset(each.name for each in seen.nodes if each.objection),
        )

    seeds = st.integers(0, 2**32).map(random.Random)
    return st.builds(made, fleets(mixed=mixed, healthy=True, known=True), st.booleans(), seeds)
