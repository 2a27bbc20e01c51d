"""What to do next with a node that is being emptied: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poolwright.nodes import Pod


@dataclass(frozen=True)
class Evict:
    """Ask these pods to leave."""

    pods: tuple[Pod, ...]


@dataclass(frozen=True)
class Delete:
    """The node is empty: its instance may go."""


@dataclass(frozen=True)
class Spare:
    """Leave the node alone and open it again."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Pods are on their way out."""

    reason: str


def next_step(pods: Sequence[Pod], *, began: float, limit: float, now: float) -> Evict | Delete | Spare | Wait:
    """`pods`: all pods on the node; `limit`: seconds the drain may take.

    A pod of a DaemonSet or of the node itself (a mirror pod) stays; a pod that holds a GPU, forbids its eviction
    (`cluster-autoscaler.kubernetes.io/safe-to-evict: "false"`) or has no controller spares the node.
    """
    movable = [pod for pod in pods if not pod.stays]
    if not movable:
        return Delete()
    for pod in movable:
        if reason := pod.objection:
            return Spare(reason)
    if now - began > limit:
        return Spare(f"{len(movable)} pods are still there after {limit:.0f} s")
    leaving = tuple(pod for pod in movable if not pod.deleting)
    return Evict(leaving) if leaving else Wait(f"{len(movable)} pods are leaving")
