"""Pods that wait for GPUs get the nodes they need, and not one that what is free or on its way makes needless."""

from __future__ import annotations

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask, counted, nodes


def asks(seen: Observation, *, added: int) -> Ask | None:
    """`added`: nodes of one group that pods need beyond what is free or on its way."""
    if not seen.pending:
        return None
    coming = f" and {nodes(seen.on_the_way)} on the way" if seen.on_the_way else ""
    return Ask(
        members=seen.members + added,
        reason=f"{_waiting(seen)}, which beside what is free{coming} take {nodes(added)}",
        would_change_if=_WOULD_CHANGE_IF,
    )


def keeps(seen: Observation) -> Ask | None:
    """What there is stays while pods wait: what looks needless may be what they are about to get."""
    if not seen.pending:
        return None
    return Ask(members=seen.members, reason=_waiting(seen), would_change_if=_WOULD_CHANGE_IF)


def watches() -> str:
    """A rule of every provisioner."""
    return "a pod waits for GPUs"


def _waiting(seen: Observation) -> str:
    return f"waiting: {counted(len(seen.pending), 'pod')} for {counted(sum(seen.pending), 'GPU')}"


_WOULD_CHANGE_IF = "the pods that wait find GPUs or go"
