"""Nodes of a provisioner added: named by the decision, asked for once, and looked after until they are useful.

The names are in the memory before anything is asked for, so whoever takes the step again asks for the same ones. In
Compute it needs: instanceGroupManagers.get, update, list of managed instances.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from poolwright.capacity.decision import Grow
from poolwright.environments import Environment
from poolwright.references import GroupRef, last_part
from poolwright.services import leases
from poolwright.services.memory import Asked, Growth, Memory, drier, save
from poolwright.services.observe_provisioner import Sight
from poolwright.services.ports import Missing, Ports, Rejected, Stale, Taken
from poolwright.services.records import record
from poolwright.services.work import Done

# As groups make names themselves: `<base>-<4 characters>`
# (https://cloud.google.com/compute/docs/instance-groups/creating-groups-of-managed-instances).
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def begin(ports: Ports, sight: Sight, decision: Grow, memory: Memory, *, key: str) -> Memory:
    """Decide on names; nothing is asked for yet. Busy."""
    turn = memory.sequence + 1
    manager = sight.managers[decision.group]
    taken = {last_part(member["instance"]) for member in sight.members[decision.group]} | sight.nodes.keys()
    names = _names(manager["baseInstanceName"], decision.count, f"{key}|{turn}", taken)
    growth = Growth(group=decision.group, names=tuple(names), reason=decision.reason)
    return save(ports, key, memory, sequence=turn, growth=growth)


def go_on(
    ports: Ports, environment: Environment, sight: Sight, memory: Memory, *, key: str, cause: str
) -> tuple[Memory, Done]:
    """Ask for the members that were decided on and are not there yet: the memory after it. Busy, Weather."""
    growth = memory.growth
    if growth is None:
        raise AssertionError("no growth is under way")
    count, group = len(growth.names), sight.groups.get(growth.group)
    if group is None:
        return _give_up(ports, key, memory, f"{growth.group} is no group of the provisioner any more")

    def say(what: str, once: str, why: str = growth.reason) -> None:
        record(
            ports, kind="capacity", subject=key, what=what, why=why, cause=cause, once=once,
            environment=environment.name, nodes=list(growth.names),
        )  # fmt: skip

    try:
        with hand_on(ports, group, memory, key=key):
            say(f"to ask for {count} nodes in {growth.group}", f"grow {memory.sequence} decided")
            here = {last_part(member["instance"]) for member in sight.members[growth.group]}
            missing = [name for name in growth.names if name not in here]
            if missing:
                ports.compute.create_instances(group, missing, request_id=ports.clock.unique())
            say(f"asked for {count} nodes in {growth.group}", f"grow {memory.sequence}")
    except leases.Held as held:
        return _give_up(ports, key, memory, str(held))
    except (Rejected, Stale, Missing) as refused:
        say(f"was refused {count} nodes in {growth.group}", f"grow {memory.sequence} refused", why=str(refused)[:500])
        dry = drier(memory.dry.get(growth.group), f"{key}|{growth.group}", str(refused), now=ports.clock.now())
        memory = save(ports, key, memory, dry={**memory.dry, growth.group: dry})
        return _give_up(ports, key, memory, str(refused)[:300])
    except Taken as taken:  # names of VMs that are no members, or of members that were just made: both are seen anew
        return _give_up(ports, key, memory, f"a name is taken: {taken}"[:300])
    now = ports.clock.now()
    asked = Asked(group=growth.group, names=growth.names, at=now, turn=memory.sequence)
    memory = save(ports, key, memory, growth=None, grown_at=now, coming=(*memory.coming, asked))
    # One decision names one group: where there are others, they may be asked at once for what is wanted besides.
    return memory, Done(f"asked for {count} nodes in {growth.group}: {growth.reason}", again=len(sight.groups) > 1)


@contextmanager
def hand_on(ports: Ports, group: GroupRef, memory: Memory, *, key: str) -> Iterator[None]:
    """Have the group in hand for one act; it stays in hand only while a node of it is being emptied, not because
    somebody died in here. leases.Held."""
    with leases.Holding(ports, leases.of_group(group), holder=key) as holding:
        if all(drain.place != str(group) for drain in memory.drains):
            holding.keep(False)
        yield


def _give_up(ports: Ports, key: str, memory: Memory, why: str) -> tuple[Memory, Done]:
    """What there is of it counts as members; what is wanted beyond them is decided anew."""
    return save(ports, key, memory, growth=None), Done(f"asked for nothing: {why}", again=True)


def _names(base: str, count: int, decision: str, taken: Collection[str]) -> Iterator[str]:
    """Names that derive from the decision, none of them `taken`."""
    made = set(taken)
    index = 0
    while count:
        number = int.from_bytes(hashlib.sha256(f"{decision}|{index}".encode()).digest()[:8])
        name = f"{base}-{''.join(_LETTERS[number // 36**place % 36] for place in range(4))}"
        index += 1
        if name not in made:
            made.add(name)
            count -= 1
            yield name
