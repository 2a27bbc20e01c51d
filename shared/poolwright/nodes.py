"""Nodes, pods and Jobs as gates and capacity see them: plain values, whatever client read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
MIRROR = "kubernetes.io/config.mirror"
CORDONED_FOR = "compute.poolwright.dev/cordoned-for"
INSTANCE_ID = "container.googleapis.com/instance_id"
POOL_LABEL = "cloud.google.com/gke-nodepool"


@dataclass(frozen=True)
class Requirement:
    """One condition on a node's labels (core/v1 NodeSelectorRequirement)."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


NodeTerm = tuple[Requirement, ...]  # all of which hold; an empty one holds nowhere


@dataclass(frozen=True)
class Toleration:
    """core/v1 Toleration; empty `key` or `effect`: any."""

    key: str
    operator: str
    value: str
    effect: str


@dataclass(frozen=True)
class Taint:
    """core/v1 Taint."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that is not finished. `annotations` are those of the constants above. `owner` is the kind of its
    controller, empty for a bare pod; `gpus` are requests; `unschedulable` says that the scheduler found no place for
    it; `always_pulled` are its images that the kubelet asks the registry for even if it has them (imagePullPolicy
    Always); `gpu_names` are the resources that its GPUs are requested by; `node_terms` (required node affinity) and
    `tolerations` are kept of GPU pods alone; `local_storage`: it keeps data on its node, which go with the node, and
    does not say that they may."""

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
    always_pulled: frozenset[str] = frozenset()
    local_storage: bool = False
    gpu_names: frozenset[str] = frozenset()
    node_terms: tuple[NodeTerm, ...] | None = None
    tolerations: tuple[Toleration, ...] = ()

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
        return self.attachment

    @property
    def attachment(self) -> str:
        """Why it must not be evicted, even where pods with GPUs may; empty where nothing speaks against it."""
        name = f"{self.namespace}/{self.name}"
        if self.deleting:
            return ""
        if self.annotations.get(SAFE_TO_EVICT) == "false":
            return f"pod {name} forbids its eviction"
        if not self.owner:
            return f"pod {name} has no controller that would start it again"
        return ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `annotations` are those of the constants above. `gpus` are allocatable, under whatever resources' names
    (`gpu_names`): 0 until the device plugin has spoken; `created` in seconds since the epoch, as `ready_changed`, when
    it turned Ready or NotReady; `images` are those that its status names, 50 at most."""

    name: str
    ready: bool
    cordoned: bool
    gpus: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0
    images: tuple[str, ...] = ()
    ready_changed: float = 0.0
    gpu_names: frozenset[str] = frozenset()

    @property
    def cordoned_for(self) -> str:
        """Who of us cordoned it, empty where it was somebody else or nobody."""
        return self.annotations.get(CORDONED_FOR, "")

    def is_of(self, instance_id: str) -> bool:
        """Whether it is the node of this VM, not of one that had the name before: GKE notes the VM's id on the node
        and deletes the node of another id when a VM registers
        (github.com/kubernetes/cloud-provider-gcp, cmd/gcp-controller-manager/node_csr_approver.go)."""
        noted = self.annotations.get(INSTANCE_ID, "")
        return not noted or not instance_id or noted == instance_id


@dataclass(frozen=True)
class ConfigMap:
    """A ConfigMap; `version` changes whenever it does (its resourceVersion)."""

    name: str
    data: Mapping[str, str]
    version: str


@dataclass(frozen=True)
class ImagePull:
    """What a kubelet said when it needed an image for a pod: `was_there`, or it had to be pulled. `at` in seconds."""

    node: str
    namespace: str
    pod: str
    image: str
    was_there: bool
    at: float


@dataclass(frozen=True)
class Job:
    """A Job of ours. `node`: where its pod must run; `reason`: in words, why it failed or what its pod waits for."""

    namespace: str
    name: str
    node: str
    labels: Mapping[str, str]
    state: Literal["running", "passed", "failed"]
    reason: str = ""
