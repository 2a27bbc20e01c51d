"""What replacing the nodes of an instance group remembers between steps: since when, and what was decided. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from poolwright.rollouts.emptying import Evict, Member

LOST_SECONDS = 60.0  # a surge member that is not there so long after it was asked for could not be made


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


def caught_up(memory: Memory, members: Iterable[Member], *, holder: str, now: float) -> Memory:
    """The memory after a look at the world: what was done is forgotten, what is new is noted.

    An old member in hand that is gone made room for a surge member, if there is one: whoever deleted it, the group is
    as large as it was. An old node that is cordoned in our name is in hand, whatever the document lost.
    """
    here = present(members)
    surge = [msgspec.structs.replace(each, at=each.at or now) if each.name in here else each for each in memory.surge]
    lost = [each for each in surge if each.name not in here and each.at and now - each.at > LOST_SECONDS]
    in_hand = {each.name: each for each in memory.drains}
    surge = [each for each in surge if each not in lost and (each.name in here or each.name not in in_hand)]
    rooms = len([name for name in in_hand if name not in here and all(name != each.name for each in memory.surge)])
    taken = [each for each in surge if each.name in here and here[each.name].fresh][:rooms]
    surge = [each for each in surge if each not in taken]
    old = leavers(here, surge)
    drains = {
        name: each for name, each in in_hand.items() if name in old or (name in here and here[name].cordoned_by(holder))
    }
    for name, member in old.items():
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


def asked(memory: Memory, step: Evict, *, now: float) -> Memory:
    """The memory once these pods were asked to leave, some of them perhaps in vain."""
    nodes = {pod.node for pod in step.pods}
    drains = tuple(
        msgspec.structs.replace(each, at=now, asked=True) if each.name in nodes and not each.asked else each
        for each in memory.drains
    )
    return msgspec.structs.replace(memory, drains=drains)


def present(members: Iterable[Member]) -> dict[str, Member]:
    """The members that are not on their way out, by name."""
    return {each.name: each for each in sorted(members, key=lambda each: each.name) if not each.leaving}


def leavers(here: dict[str, Member], surge: Sequence[Since]) -> dict[str, Member]:
    """The old members; once there are none, the surge members for which nothing has made room, as the group is larger
    than it was. One that people suspended is left to them, whatever it was made from."""
    old = {name: member for name, member in here.items() if not member.fresh and not member.suspended}
    extra = {each.name: here[each.name] for each in surge if each.name in here}
    return old or {name: member for name, member in extra.items() if not member.suspended}
