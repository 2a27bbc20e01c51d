"""What to do next with a node that is being emptied, and whether its pods let it be emptied at all: pure.

A pod of a DaemonSet or of the node itself (a mirror pod) stays, and goes with the node. What else forbids to empty a
node is what forbids it to the cluster autoscaler (github.com/kubernetes/autoscaler, cluster-autoscaler/FAQ.md, "What
types of pods can prevent CA from removing a node?"), less what the provisioner's `drain` allows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from poolwright.capacity.provisioner import DrainRules
from poolwright.nodes import SAFE_TO_EVICT, Pod

MOST_EVICTIONS = 100  # a step


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


def movable(pods: Iterable[Pod]) -> list[Pod]:
    """Those that have to be gone before the node may go: not gone is also who is told to and has not ended."""
    return sorted((pod for pod in pods if not pod.stays), key=_name)


def objection(pods: Iterable[Pod], rules: DrainRules) -> str:
    """Why the node of these pods must not be emptied; empty where nothing speaks against it."""
    return next((why for pod in movable(pods) if (why := _keeps(pod, rules))), "")


def next_step(
    pods: Sequence[Pod], *, chosen: Collection[str], rules: DrainRules, began: float, now: float
) -> Evict | Delete | Spare | Wait:
    """`pods`: all pods on the node; `chosen`: those with GPUs that were there when the node was (`namespace/name`)."""
    there = movable(pods)
    if not there:
        return Delete()
    for pod in there:
        if pod.gpus and not pod.deleting and _name(pod) not in chosen:
            return Spare(f"pod {_name(pod)} came to work on its GPUs")
    if why := objection(there, rules):
        return Spare(why)
    if now - began > rules.timeout_seconds:
        return Spare(f"{len(there)} pods are still there after {rules.timeout_seconds} s, first {_name(there[0])}")
    staying = [pod for pod in there if not pod.deleting]
    if staying:
        return Evict(tuple(staying[:MOST_EVICTIONS]))
    return Wait(f"{len(there)} pods are leaving")


def named(pods: Iterable[Pod]) -> tuple[str, ...]:
    """The pods with GPUs among these, as `chosen` has them."""
    return tuple(_name(pod) for pod in movable(pods) if pod.gpus)


def _keeps(pod: Pod, rules: DrainRules) -> str:
    """Why this pod keeps its node. One that says `safe-to-evict: "true"` keeps it for no other reason either."""
    word = pod.annotations.get(SAFE_TO_EVICT)
    if pod.deleting or word == "true":
        return ""
    if word == "false":
        return f"pod {_name(pod)} forbids its eviction ({SAFE_TO_EVICT})"
    if not pod.owner and rules.bare_pods == "forbid":
        return f"pod {_name(pod)} has no controller that would start it again (drain.barePods is forbid)"
    if pod.local_storage and rules.local_storage == "forbid":
        return f"pod {_name(pod)} keeps data on the node (drain.localStorage is forbid)"
    return ""


def _name(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name}"
