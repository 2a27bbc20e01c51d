"""Replacing the old nodes of one instance group, one bounded action at a time: pure.

A member is old when it was not made from a template that is wanted now. An old one is taken into hand (remembered
first), cordoned, emptied by eviction, and then recreated under its name; or deleted, where a surge member has come in
its place. What is under way is read from the world (members, nodes, who cordoned them); the target's document adds what
the world does not tell: since when, and which members were added for the surge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from poolwright.rollouts import emptying
from poolwright.rollouts.emptying import Cordon, Evict, Member, Wait
from poolwright.rollouts.gates.ready import is_weather
from poolwright.rollouts.in_hand import Memory, Since, leavers, present

DRY_SECONDS = 900.0  # before the surge is tried again, and meanwhile nodes are replaced without
MOST_EVICTIONS = 100  # a step


@dataclass(frozen=True, kw_only=True)
class Rules:
    """`holder`: in whose name nodes are cordoned; `base`: how surge members' names begin; `stop`: why nothing new may
    begin and what is in hand is let go, empty while the work goes on; `held`: why the group gets no surge node now,
    though what is in hand is gone on with; `left_to_group`: the group replaces its members
    itself (update type PROACTIVE), and we only watch. Limits are numbers of nodes of this group, times are seconds.

    Where there is a surge, an old node is taken into hand once a surge node serves in its stead; `max_unavailable`
    counts where there is none, or none to be had.
    """

    holder: str
    base: str
    max_unavailable: int
    max_surge: int
    drain_seconds: float
    node_ready_seconds: float
    stop: str = ""
    held: str = ""
    left_to_group: bool = False


@dataclass(frozen=True)
class Open:
    """Let pods onto this node again."""

    node: str


@dataclass(frozen=True)
class Decide:
    """Only the document changes: members were taken into hand, or surge members named."""

    memory: Memory


@dataclass(frozen=True)
class Surge:
    """Add members of these names."""

    members: tuple[str, ...]


@dataclass(frozen=True)
class Recreate:
    """Make these empty members anew."""

    members: tuple[str, ...]


@dataclass(frozen=True)
class Delete:
    """Delete these empty members: others have come in their place."""

    members: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """No old member is left and all new ones are healthy; or, where the work was stopped, nothing is in hand."""

    reason: str


@dataclass(frozen=True)
class GiveUp:
    """It cannot be done, for this reason."""

    reason: str


Step = Open | Decide | Surge | Cordon | Evict | Recreate | Delete | Wait | Done | GiveUp


def next_step(memory: Memory, members: Sequence[Member], *, rules: Rules, now: float) -> Step:
    """What to do now. `memory` as `caught_up` left it; the order of members and pods makes no difference."""
    here = present(members)
    leaving = leavers(here, memory.surge)
    in_hand = set() if rules.stop else {each.name for each in memory.drains} & set(leaving)
    closed = [each for name, each in here.items() if each.cordoned_by(rules.holder) and name not in in_hand]
    for member in closed:
        if member.node is not None and member.action == "NONE":
            return Open(member.node.name)
    if rules.stop and closed:
        return Wait(f"node {closed[0].name}: {_obstacle(closed[0], rules)}")
    if rules.stop:
        return Done(f"nothing is in hand any more: {rules.stop}")
    if broken := _broken(memory, here, rules, now):
        return broken
    if not leaving and not memory.coming and not closed:
        return Done(_what_was_done(here))
    if rules.left_to_group:
        return Wait(f"the group replaces its nodes itself, {len(leaving)} of {len(here)} are left")
    if asked := tuple(each.name for each in memory.surge if not each.at):
        return Surge(asked)
    if step := _finish(memory, here, leaving, rules, now):
        return step
    begun = _begin(memory, here, leaving, rules, now)
    return begun if isinstance(begun, Decide) else _evict(memory, leaving, rules) or begun


def _what_was_done(here: dict[str, Member]) -> str:
    left = [name for name, member in here.items() if member.suspended and not member.fresh]
    if left:
        return f"all nodes were made anew but {', '.join(left)}, which people suspended"
    return f"all {len(here)} nodes were made anew" if here else "it has no nodes"


def _broken(memory: Memory, here: dict[str, Member], rules: Rules, now: float) -> GiveUp | None:
    """New members must serve in time, unless there is no room for them: that is weather."""
    for each in memory.coming:
        member = here[each.name]
        if now - each.at > rules.node_ready_seconds and not any(map(is_weather, member.errors)):
            why = f": {member.errors[0]}" if member.errors else ""
            limit = f"{rules.node_ready_seconds:.0f} s"
            return GiveUp(f"node {each.name} was made anew and is not Ready with its GPUs after {limit}{why}")
    return None


def _finish(
    memory: Memory, here: dict[str, Member], leavers: dict[str, Member], rules: Rules, now: float
) -> Cordon | Delete | Recreate | GiveUp | None:
    """Close what was just taken into hand, make anew what is empty, give up what does not become so."""
    empty: list[str] = []
    late: list[str] = []
    for each in memory.drains:
        if each.name not in leavers:
            continue
        member = here[each.name]
        step = _emptying(member, rules)
        if isinstance(step, Cordon):
            return step
        if step is None:
            empty.append(member.name)
        elif now - each.at > rules.drain_seconds and (each.asked or isinstance(step, Wait)):
            late.append(
                f"node {member.name} is not empty after {rules.drain_seconds:.0f} s: {_obstacle(member, rules)}"
            )
    excess = tuple(name for name in empty if any(name == each.name for each in memory.surge))
    if excess:
        return Delete(excess)
    covered = tuple(empty[: len(_covers(memory, here, leavers))])
    if covered:
        return Delete(covered)
    if empty:
        return Recreate(tuple(empty))
    return GiveUp(late[0]) if late else None


def _evict(memory: Memory, leavers: dict[str, Member], rules: Rules) -> Evict | None:
    steps = [_emptying(leavers[each.name], rules) for each in memory.drains if each.name in leavers]
    pods = [pod for step in steps if isinstance(step, Evict) for pod in step.pods]
    return Evict(tuple(pods[:MOST_EVICTIONS])) if pods else None


def _emptying(member: Member, rules: Rules) -> Cordon | Evict | Wait | None:
    if member.action != "NONE":
        return Wait(_obstacle(member, rules))
    return emptying.next_step(member, holder=rules.holder)


def _obstacle(member: Member, rules: Rules) -> str:
    return emptying.obstacle(member, holder=rules.holder)


def _covers(memory: Memory, here: dict[str, Member], leavers: dict[str, Member]) -> list[str]:
    """Surge members that serve, each in the stead of one old member."""
    return [
        each.name for each in memory.surge if each.name in here and each.name not in leavers and here[each.name].serving
    ]


def _begin(
    memory: Memory, here: dict[str, Member], leavers: dict[str, Member], rules: Rules, now: float
) -> Decide | Wait:
    """Name surge members, or take more old ones into hand, as far as the limits go."""
    in_hand = {each.name for each in memory.drains}
    extra = {each.name for each in memory.surge}
    dry = bool(memory.dry) and now - memory.dry <= DRY_SECONDS
    waiting = sorted((each for each in leavers.values() if each.name not in in_hand), key=lambda m: _order(m, rules))
    uncovered = sum(not each.fresh for each in waiting) - max(0, len(extra) - len(in_hand & set(leavers)))
    more = 0 if dry or rules.held else min(rules.max_surge - len(extra), uncovered)
    if more > 0:
        names = [Since(_surge_name(rules, memory.named + index), 0) for index in range(more)]
        return Decide(msgspec.structs.replace(memory, surge=(*memory.surge, *names), named=memory.named + len(names)))
    alone = rules.max_unavailable if dry or not rules.max_surge else 0
    allowed = alone + len(_covers(memory, here, leavers)) + len(extra & set(leavers))
    ours = len(in_hand) + sum(each.name not in extra for each in memory.coming)
    given = sum(member.suspended or name in extra for name, member in here.items())
    least = len(here) - given - rules.max_unavailable
    serving = sum(member.serving for name, member in here.items() if name not in in_hand)
    chosen: list[Since] = []
    for member in (each for each in waiting if not each.forbidden):
        if ours + len(chosen) >= allowed or (member.serving and serving - 1 < least):
            break
        serving -= member.serving
        chosen.append(Since(member.name, now, turn=memory.taken + len(chosen) + 1))
    if chosen:
        taken = memory.taken + len(chosen)
        return Decide(msgspec.structs.replace(memory, drains=(*memory.drains, *chosen), taken=taken))
    forbidden = next((each.forbidden for each in waiting), "") if all(each.forbidden for each in waiting) else ""
    return Wait(_what_is_awaited(memory, here, rules, len(waiting), dry=dry, forbidden=forbidden))


def _order(member: Member, rules: Rules) -> tuple[bool, bool, bool, int, str]:
    """Those that do not serve anyway first, then the idle ones; those that somebody cordoned or a pod holds last."""
    foreign = member.cordoned_by_other_than(rules.holder)
    used = sum(pod.gpus for pod in member.movable)
    return foreign, bool(member.attachment), member.serving, used, member.name


def _surge_name(rules: Rules, number: int) -> str:
    return f"{rules.base}-{hashlib.sha256(f'{rules.holder}/surge/{number}'.encode()).hexdigest()[:4]}"


def _what_is_awaited(
    memory: Memory, here: dict[str, Member], rules: Rules, waiting: int, *, dry: bool, forbidden: str
) -> str:
    told = [f"node {each.name}: {_obstacle(here[each.name], rules)}" for each in memory.drains]
    for each in memory.coming:
        errors = here[each.name].errors
        told.append(f"node {each.name} is on its way" + (f" ({errors[0]})" if errors else ""))
    told += [f"surge node {each.name} is on its way" for each in memory.surge if each.name not in here]
    if dry:
        told.append("surge nodes could not be made, it is tried again later")
    if forbidden:
        told.append(f"{waiting} old nodes wait: {forbidden}")
    return "; ".join(told) or f"{waiting} old nodes wait, as others of the group do not serve"
