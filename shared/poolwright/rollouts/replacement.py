"""Replacing the old nodes of one instance group, one bounded action at a time: pure.

A member is old when it was not made from a template that is wanted now. An old one is taken into hand (remembered
first), cordoned, emptied by eviction, and then recreated under its name; or deleted, where a surge member has come in
its place. What is under way is read from the world (members, nodes, who cordoned them); the target's document adds what
the world does not tell: since when, and which members were added for the surge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from poolwright.rollouts import emptying
from poolwright.rollouts.emptying import Cordon, Evict, Member, Wait
from poolwright.rollouts.gates.ready import is_weather

LOST_SECONDS = 60.0  # a surge member that is not there so long after it was asked for could not be made
DRY_SECONDS = 900.0  # before the surge is tried again, and meanwhile nodes are replaced without
MOST_EVICTIONS = 100  # a step


class Since(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member, and since when (seconds since the epoch); 0 for a surge member that is named and not yet asked for.
    `turn`: the how-manieth it is of those taken into hand, so that taking it again is another matter; `asked`: whether
    its pods were asked to leave, since when their time runs."""

    name: str
    at: float
    turn: int = 0
    asked: bool = False


class Memory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the document of a target remembers. `drains`: old members in hand, `taken`: how many ever were; `coming`:
    fresh members that are not healthy yet; `surge`: members added that no old one has made room for, `named`: how many
    were ever decided on; `dry`: when one could not be made; `given_up`: why the rest is not done, while nodes in hand
    are let go."""

    drains: tuple[Since, ...] = ()
    coming: tuple[Since, ...] = ()
    surge: tuple[Since, ...] = ()
    named: int = 0
    taken: int = 0
    dry: float = 0
    given_up: str = ""


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


def caught_up(memory: Memory, members: Iterable[Member], *, holder: str, now: float) -> Memory:
    """The memory after a look at the world: what was done is forgotten, what is new is noted.

    An old member in hand that is gone made room for a surge member, if there is one: whoever deleted it, the group is
    as large as it was. An old node that is cordoned in our name is in hand, whatever the document lost.
    """
    here = _here(members)
    surge = [msgspec.structs.replace(each, at=each.at or now) if each.name in here else each for each in memory.surge]
    lost = [each for each in surge if each.name not in here and each.at and now - each.at > LOST_SECONDS]
    in_hand = {each.name: each for each in memory.drains}
    surge = [each for each in surge if each not in lost and (each.name in here or each.name not in in_hand)]
    rooms = len([name for name in in_hand if name not in here and all(name != each.name for each in memory.surge)])
    taken = [each for each in surge if each.name in here and here[each.name].fresh][:rooms]
    surge = [each for each in surge if each not in taken]
    leavers = _leavers(here, surge)
    drains = {
        name: each
        for name, each in in_hand.items()
        if name in leavers or (name in here and here[name].cordoned_by(holder))
    }
    for name, member in leavers.items():
        if member.cordoned_by(holder):
            drains.setdefault(name, Since(name, now))
    since = {each.name: each.at or now for each in (*memory.surge, *memory.coming)}
    coming = [
        Since(name, since.get(name, now))
        for name, member in here.items()
        if member.fresh and not member.healthy and not member.suspended
    ]
    return msgspec.structs.replace(
        memory,
        drains=tuple(drains[name] for name in sorted(drains)),
        coming=tuple(each for each in coming if each.name not in drains),
        surge=tuple(surge),
        dry=now if lost else memory.dry,
    )


def next_step(memory: Memory, members: Sequence[Member], *, rules: Rules, now: float) -> Step:
    """What to do now. `memory` as `caught_up` left it; the order of members and pods makes no difference."""
    here = _here(members)
    leavers = _leavers(here, memory.surge)
    in_hand = set() if rules.stop else {each.name for each in memory.drains} & set(leavers)
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
    if not leavers and not memory.coming and not closed:
        return Done(_what_was_done(here))
    if rules.left_to_group:
        return Wait(f"the group replaces its nodes itself, {len(leavers)} of {len(here)} are left")
    if asked := tuple(each.name for each in memory.surge if not each.at):
        return Surge(asked)
    if step := _finish(memory, here, leavers, rules, now):
        return step
    begun = _begin(memory, here, leavers, rules, now)
    return begun if isinstance(begun, Decide) else _evict(memory, leavers, rules) or begun


def _here(members: Iterable[Member]) -> dict[str, Member]:
    return {each.name: each for each in sorted(members, key=lambda each: each.name) if not each.leaving}


def _leavers(here: dict[str, Member], surge: Sequence[Since]) -> dict[str, Member]:
    """The old members; once there are none, the surge members for which nothing has made room, as the group is larger
    than it was. One that people suspended is left to them, whatever it was made from."""
    old = {name: member for name, member in here.items() if not member.fresh and not member.suspended}
    extra = {each.name: here[each.name] for each in surge if each.name in here}
    return old or {name: member for name, member in extra.items() if not member.suspended}


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


def asked(memory: Memory, step: Evict, *, now: float) -> Memory:
    """The memory once these pods were asked to leave, some of them perhaps in vain."""
    nodes = {pod.node for pod in step.pods}
    drains = tuple(
        msgspec.structs.replace(each, at=now, asked=True) if each.name in nodes and not each.asked else each
        for each in memory.drains
    )
    return msgspec.structs.replace(memory, drains=drains)
