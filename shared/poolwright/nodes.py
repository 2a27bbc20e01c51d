"""Nodes and pods as gates and capacity see them: plain values, whatever client read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True)
class Pod:
    """A pod that is not finished. `owner` is the kind of its controller, empty for a bare pod; `gpus` are requests;
    `unschedulable` says that the scheduler found no place for it."""

    namespace: str
    name: str
    node: str
    phase: str
    gpus: int
    owner: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    unschedulable: bool = False
    node_selector: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False

    @property
    def stays(self) -> bool:
        """It goes with the node (DaemonSet, mirror pod): nothing is lost with it."""
        return self.owner in ("DaemonSet", "Node") or MIRROR in self.annotations

    @property
    def objection(self) -> str:
        """Why its node must not be emptied; empty where nothing speaks against it."""
        name = f"{self.namespace}/{self.name}"
        if self.deleting:
            return ""
        if self.gpus:
            return f"pod {name} came to work on its GPUs"
        if self.annotations.get(SAFE_TO_EVICT) == "false":
            return f"pod {name} forbids its eviction"
        if not self.owner:
            return f"pod {name} has no controller that would start it again"
        return ""


@dataclass(frozen=True)
class Node:
    """A node. `gpus` are allocatable: 0 until the device plugin has spoken; `created` in seconds since the epoch."""

    name: str
    ready: bool
    cordoned: bool
    gpus: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0
