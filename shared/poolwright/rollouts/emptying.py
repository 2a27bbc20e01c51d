"""Emptying one old member of a group within its pods' wishes: pure.

As `kubectl drain` does, pods of DaemonSets and mirror pods are left where they are, and a pod that no controller would
start again is not evicted (https://kubernetes.io/docs/reference/kubectl/generated/kubectl_drain/); while one is there,
the others are left in peace too. Pods that hold GPUs are evicted: to replace nodes that work is what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from poolwright.nodes import Node, Pod


@dataclass(frozen=True)
class Member:
    """A member of the group. `fresh`: made from a template that is wanted now; `action` and `errors` (`CODE: message`)
    as the group tells them; `node`: its node, None while that very VM has none; `pods`: all pods on that node.
    `suspended`: its people want it empty and left alone; `forbidden`: why nothing may begin at it now."""

    name: str
    fresh: bool
    action: str = "NONE"
    errors: tuple[str, ...] = ()
    node: Node | None = None
    pods: tuple[Pod, ...] = ()
    gpus_expected: int = 0
    suspended: bool = False
    forbidden: str = ""

    @property
    def healthy(self) -> bool:
        """Running, Ready, with all its GPUs."""
        node = self.node
        return self.action == "NONE" and node is not None and node.ready and node.gpus >= self.gpus_expected

    @property
    def serving(self) -> bool:
        """Healthy, and open for pods."""
        return self.healthy and self.node is not None and not self.node.cordoned

    @property
    def leaving(self) -> bool:
        """On its way out of the group."""
        return self.action in ("DELETING", "ABANDONING")

    def cordoned_by_other_than(self, holder: str) -> bool:
        """Whether somebody else keeps pods from its node."""
        return self.node is not None and self.node.cordoned and self.node.cordoned_for != holder

    def cordoned_by(self, holder: str) -> bool:
        """Whether this holder keeps pods from its node."""
        return self.node is not None and self.node.cordoned and self.node.cordoned_for == holder

    @property
    def movable(self) -> list[Pod]:
        """Pods that have to go first. On a node that is not Ready a pod that was told to go never says that it went."""
        ready = self.node is not None and self.node.ready
        pods = sorted(self.pods, key=lambda pod: (pod.namespace, pod.name))
        return [pod for pod in pods if not pod.stays and (ready or not pod.deleting)]

    @property
    def attachment(self) -> str:
        """What forbids to empty its node, empty where nothing does."""
        return next((pod.attachment for pod in self.movable if pod.attachment), "")


@dataclass(frozen=True)
class Cordon:
    """Let no new pod onto this node."""

    node: str


@dataclass(frozen=True)
class Evict:
    """Ask these pods to leave."""

    pods: tuple[Pod, ...]


@dataclass(frozen=True)
class Wait:
    """Somebody else is at it: a pod, a kubelet, the group."""

    reason: str


def next_step(member: Member, *, holder: str) -> Cordon | Evict | Wait | None:
    """The next action; None once it is empty. `holder`: in whose name it is cordoned."""
    if member.node is None:
        return None
    if member.cordoned_by_other_than(holder):
        return Wait(obstacle(member, holder=holder))
    if not member.node.cordoned:
        return Cordon(member.node.name)
    if not member.movable:
        return None
    if member.attachment:
        return Wait(member.attachment)
    staying = tuple(pod for pod in member.movable if not pod.deleting)
    return Evict(staying) if staying else Wait(obstacle(member, holder=holder))


def obstacle(member: Member, *, holder: str) -> str:
    """What keeps a member from being made anew, naming the pod."""
    if member.action != "NONE":
        return f"its group is at it ({member.action})"
    if member.node is not None and member.cordoned_by_other_than(holder):
        return f"{member.node.cordoned_for or 'somebody else'} has cordoned it"
    if member.attachment:
        return member.attachment
    for pod in member.movable:
        if not pod.deleting:
            return f"pod {pod.namespace}/{pod.name} must not be evicted yet, by its disruption budget"
    leaving = [f"pod {pod.namespace}/{pod.name} is still leaving" for pod in member.movable]
    return leaving[0] if leaving else "it is empty"
