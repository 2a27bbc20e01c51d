"""Pods that wait for GPUs get the nodes they need, and not one that what is free or on its way makes needless."""

from __future__ import annotations

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask, counted, nodes
from poolwright.capacity.policies.packing import place


def asks(seen: Observation, *, gpus_per_node: int) -> Ask | None:
    """`gpus_per_node`: those of a node that would be added."""
    if not seen.pending:
        return None
    added = place(seen.pending, seen.room, gpus_per_node).added
    coming = f" and {nodes(seen.on_the_way)} on the way" if seen.on_the_way else ""
    return Ask(
        members=seen.members + added,
        reason=f"waiting: {counted(len(seen.pending), 'pod')} for {counted(sum(seen.pending), 'GPU')}, "
        f"which beside what is free{coming} take {nodes(added) if added else 'no more nodes'}",
        would_change_if="the pods that wait find GPUs or go",
    )


def watches() -> str:
    """A rule of every provisioner."""
    return "a pod waits for GPUs"
