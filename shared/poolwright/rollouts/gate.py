"""What must be true of a wave's nodes before the next wave: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poolwright.rollouts.rollout import Rollout


@dataclass(frozen=True)
class BootedNode:
    """A member of a changed group that was made from our template. `age` in seconds since the wave began or, if
    that is later, since the member was made; `gpus` allocatable of `gpus_expected`; `errors` of its creation."""

    name: str
    group: str
    registered: bool
    ready: bool
    gpus: int
    gpus_expected: int
    errors: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Ready, with all its GPUs."""
        return self.registered and self.ready and self.gpus >= self.gpus_expected


@dataclass(frozen=True)
class Passed:
    """Every node that booted our image is healthy, and there is at least one."""

    reason: str


@dataclass(frozen=True)
class Unproven:
    """No node booted our image: nothing is known."""

    reason: str


@dataclass(frozen=True)
class NotYet:
    """Some node is still on its way."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """A node took longer than it may, or could not be made."""

    reason: str


Judgement = Passed | Unproven | NotYet | Failed


def judge(rollout: Rollout, nodes: Sequence[BootedNode], *, now: float) -> Judgement:
    """The current wave, by the nodes of its groups that booted our image."""
    waited = now - rollout.current.began
    for node in nodes:
        if node.errors and not node.registered:
            return Failed(f"node {node.name} could not be made: {node.errors[0]}")
    late = [node for node in nodes if not node.healthy]
    if late:
        text = "; ".join(_what_is_missing(node) for node in late)
        if waited > rollout.policy.node_ready_seconds:
            return Failed(f"{text} after {rollout.policy.node_ready_seconds:.0f} s")
        return NotYet(text)
    if not nodes:
        return Unproven(f"no node of {rollout.current.name} booted the image")
    return Passed(f"{len(nodes)} of {len(nodes)} nodes of {rollout.current.name} booted the image and are healthy")


def _what_is_missing(node: BootedNode) -> str:
    if not node.registered:
        return f"node {node.name} has not joined its cluster"
    if not node.ready:
        return f"node {node.name} is not Ready"
    return f"node {node.name} has {node.gpus} of {node.gpus_expected} GPUs allocatable"
