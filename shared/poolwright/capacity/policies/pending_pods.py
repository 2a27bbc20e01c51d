"""Pods that wait for GPUs get the nodes they need, and not one that what is free or on its way makes needless."""

from __future__ import annotations

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask, counted, nodes
from poolwright.capacity.provisioner import Spec


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


def keeps(spec: Spec, seen: Observation) -> Ask | None:
    """What there is stays while pods wait: what looks needless may be what they are about to get."""
    if not seen.pending:
        return None
    why = "whom another node would not help; kubectl describe pod says what they lack"
    if seen.members > spec.max_nodes:
        why = f"but maxNodes is {spec.max_nodes}"
    return Ask(members=seen.members, reason=f"{_waiting(seen)}, {why}", would_change_if=_WOULD_CHANGE_IF)


def watches() -> str:
    """A rule of every provisioner."""
    return "a pod waits for GPUs"


def _waiting(seen: Observation) -> str:
    return f"waiting: {counted(len(seen.pending), 'pod')} for {counted(sum(seen.pending), 'GPU')}"


_WOULD_CHANGE_IF = "the pods that wait find GPUs or go"
