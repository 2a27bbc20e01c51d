"""How many nodes a provisioner should have, which group gets more, and which nodes go: a pure function of rules,
observation, memory and time. How asks are composed: docs/designs/how-capacity-is-decided.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poolwright.capacity import choosing
from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.packing import place
from poolwright.capacity.policies import (
    Ask,
    bounds,
    buffer,
    cooldowns,
    maximum_utilization,
    minimum_utilization,
    nodes,
    pending_pods,
    schedule,
    some,
)
from poolwright.capacity.provisioner import Spec


@dataclass(frozen=True)
class Grow:
    """Add `count` nodes to `group`. `target`: members that all groups have then, together."""

    group: str
    count: int
    target: int
    reason: str
    would_change_if: str


@dataclass(frozen=True)
class Shrink:
    """Drain and delete these nodes. `target`: members that all groups have then, together."""

    nodes: tuple[GpuNode, ...]
    target: int
    reason: str
    would_change_if: str


@dataclass(frozen=True)
class Hold:
    """Nothing to do. `target`: members that all groups have, together."""

    target: int
    reason: str
    would_change_if: str


Decision = Grow | Shrink | Hold


def decide(spec: Spec, seen: Observation, *, grown_at: float, shrunk_at: float, now: float, at_once: int) -> Decision:
    """What to do now. `grown_at`, `shrunk_at`: when this provisioner last added or took away nodes (0: never), seconds.
    `at_once`: how many nodes of a group may be in hand at one moment."""
    floor = _most(bounds.asks(spec), schedule.asks(spec, now=now))
    return (
        _grow(spec, seen, floor, grown_at=grown_at, now=now)
        or _wait(spec, seen)
        or _shrink(spec, seen, floor, grown_at=grown_at, shrunk_at=shrunk_at, now=now, at_once=at_once)
    )


def _grow(spec: Spec, seen: Observation, floor: Ask, *, grown_at: float, now: float) -> Grow | Hold | None:
    """None where nothing asks for more than there is, and where there is more than maxNodes already."""
    able = choosing.that_can_grow(spec, seen)
    asked = _asks(spec, seen, floor, able) or _asks(spec, seen, floor, seen.groups)
    if not asked or seen.members > spec.max_nodes:
        return None
    if seen.members == spec.max_nodes:
        ask = _most(*asked.values())
        reason = f"{ask.reason}, but maxNodes is {spec.max_nodes}"
        return _hold(seen, reason, ask.would_change_if, "maxNodes is raised")
    counts = {
        group.name: min(bounds.cut(asked[group.name], spec).members - seen.members, choosing.most_of(group))
        for group in able
        if group.name in asked
    }
    if not counts:
        ask = _most(*asked.values())
        reason = f"{ask.reason}, but no group can give it: {choosing.refusals(seen)}"
        return _hold(seen, reason, ask.would_change_if, "a group can grow again")
    # The most first: so a pod more never makes a step add less. The others follow at the next steps.
    group = max((group for group in able if group.name in counts), key=lambda group: counts[group.name])
    ask, count = bounds.cut(asked[group.name], spec), counts[group.name]
    if now < (again := cooldowns.grows_again(spec, grown_at=grown_at)):
        return _cooling(seen, ask, again)
    why = choosing.why(spec, seen, group)
    return Grow(
        group=group.name,
        count=count,
        target=seen.members + count,
        reason=f"{ask.reason}{f'; {why}' if why else ''}",
        would_change_if=ask.would_change_if,
    )


def _asks(spec: Spec, seen: Observation, floor: Ask, groups: Sequence[Group]) -> dict[str, Ask]:
    """What is asked for above what there is, by the group that would give it: each pod of the first group that would
    take it, everything else of the first of all."""
    sizes = [(group.name, group.gpus_per_node or seen.gpus_per_node) for group in groups]
    placed = place(seen.waiting, seen.room, sizes)
    asked: dict[str, Ask | None] = {name: pending_pods.asks(seen, added=added) for name, added in placed.added.items()}
    if groups:
        first, size = sizes[0]
        asked[first] = _most(
            asked.get(first),
            maximum_utilization.asks(spec, seen, gpus_per_node=size),
            buffer.asks(spec, seen, added=placed.added.get(first, 0), filled=placed.filled),
            floor,
        )
    return {name: ask for name, ask in asked.items() if ask and ask.members > seen.members}


def _wait(spec: Spec, seen: Observation) -> Hold | None:
    """What forbids that anything goes, whatever else is so."""
    if seen.unknown:
        return _hold(seen, f"not known: {', '.join(sorted(seen.unknown))}; nothing goes meanwhile", "it is known again")
    blind = sorted(node.name for node in seen.serving if node.duty_cycle is None)
    if blind and (spec.min_gpu_utilization_percent, spec.max_gpu_utilization_percent) != (None, None):
        reason = f"no fresh GPU utilization of {some(blind)}; nothing goes meanwhile"
        return _hold(seen, reason, "it is known again", *_growing(spec))
    if seen.on_the_way:
        where = some([f"{group.on_the_way} in {group.name}" for group in seen.groups if group.on_the_way])
        reason = f"{nodes(seen.on_the_way)} on the way, {where}; nothing goes meanwhile"
        return _hold(seen, reason, "they serve", *_growing(spec))
    if ask := pending_pods.keeps(spec, seen):
        return _hold(seen, f"nothing goes while pods wait; {ask.reason}", ask.would_change_if)
    return None


def _shrink(
    spec: Spec, seen: Observation, floor: Ask, *, grown_at: float, shrunk_at: float, now: float, at_once: int
) -> Shrink | Hold:
    ask = _least(bounds.too_many(spec, seen), minimum_utilization.asks(spec, seen))
    if ask is None:
        return _hold(seen, _content(seen), minimum_utilization.watches(spec), *_growing(spec))
    if ask.members >= seen.members:
        return _hold(seen, ask.reason, minimum_utilization.watches(spec), *_growing(spec))
    staying = seen.members - seen.going
    count = min(seen.members - ask.members, staying - min(floor.members, spec.max_nodes))
    if count <= 0:
        return _hold(seen, f"{ask.reason}, but {floor.reason}", floor.would_change_if, *_growing(spec))
    if now < (again := cooldowns.shrinks_again(spec, grown_at=grown_at, shrunk_at=shrunk_at)):
        return _cooling(seen, ask, again)
    over = max(0, staying - spec.max_nodes)
    leaving = choosing.that_may_go(spec, seen, count=count, over=over, at_once=at_once)
    if not leaving.nodes:
        reason = f"{ask.reason}, but no node may go: {leaving.why_not()}"
        return _hold(seen, reason, "one of them may", *_growing(spec))
    return Shrink(
        nodes=tuple(leaving.nodes),
        target=seen.members - len(leaving.nodes),
        reason=f"{ask.reason}; {_usage(leaving.nodes)}",
        would_change_if=f"{ask.would_change_if}, or they get work",
    )


def _usage(going: list[GpuNode]) -> str:
    if going[0].idle:
        return f"{nodes(len(going))} without a GPU pod may go"
    return f"the GPU pods of {going[0].name} fit elsewhere"


def _content(seen: Observation) -> str:
    known = "" if seen.utilization is None else f"GPU utilization is {seen.utilization:.0f} %; "
    return f"{known}no rule asks for more or fewer than {nodes(seen.members)}"


def _cooling(seen: Observation, ask: Ask, again: float) -> Hold:
    return _hold(
        seen,
        f"{ask.reason}, but capacity changed, and the cooldown lasts until {cooldowns.clock(again)}",
        "the cooldown is over",
        ask.would_change_if,
    )


def _growing(spec: Spec) -> tuple[str, ...]:
    """What would make a rule ask for more, in words."""
    return (
        pending_pods.watches(),
        maximum_utilization.watches(spec),
        buffer.watches(spec),
        schedule.watches(spec),
    )


def _most(*asks: Ask | None) -> Ask:
    """The highest; of equal ones the first."""
    return max((ask for ask in asks if ask), key=lambda ask: ask.members)


def _least(*asks: Ask | None) -> Ask | None:
    """The lowest; of equal ones the first."""
    return min((ask for ask in asks if ask), key=lambda ask: ask.members, default=None)


def _hold(seen: Observation, reason: str, *would_change_if: str) -> Hold:
    return Hold(target=seen.members, reason=reason, would_change_if=", or ".join(filter(None, would_change_if)))
