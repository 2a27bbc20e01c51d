"""What was read of groups, nodes and pods made into what the decision uses: pure.

Which group a name means; which waiting pods a new node would serve; how many GPUs it will offer; which members are on
their way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from poolwright.nodes import Node, Pod, Requirement, Taint, Toleration
from poolwright.references import GroupRef

# What the cluster autoscaler waits for a node (--max-node-provision-time,
# https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md#what-are-the-parameters-to-ca).
LATE_SECONDS = 900.0
GPU = "nvidia.com/gpu"
_OF_ONE_NODE = frozenset({"kubernetes.io/hostname"})
_KEEPS_OUT = ("NoSchedule", "NoExecute")
# GB of memory of GPUs whose type does not say it (https://cloud.google.com/compute/docs/gpus).
_MEMORY = {"nvidia-tesla-a100": 40, "nvidia-b200": 180, "nvidia-gb200": 186, "nvidia-rtx-pro-6000": 96}
_PARTITION = re.compile(r"(\d+)g\.(\d+)gb")


@dataclass(frozen=True)
class Offer:
    """What a new node of a group would be to a pod: `gpus` units of each of the resources `gpu_names`."""

    gpus: int
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    gpu_names: frozenset[str] = field(default=frozenset({GPU}))


def resolve(names: Iterable[str], groups: Iterable[GroupRef]) -> tuple[dict[str, GroupRef], str]:
    """The groups that names mean (`NAME` or `ZONE/NAME`), by name in their order; or why they cannot be told."""
    there = sorted(groups)
    found: dict[str, GroupRef] = {}
    for name in names:
        zone, _, plain = name.rpartition("/")
        meant = [group for group in there if group.name == plain and zone in ("", group.zone)]
        if not meant:
            return {}, f"no node pool of the cluster has the instance group {name}; correct existingInstanceGroupNames"
        if len(meant) > 1:
            which = " or ".join(f"{group.zone}/{group.name}" for group in meant)
            return {}, f"{name} may be {which}; write which one in existingInstanceGroupNames"
        twin = next((other for other, group in found.items() if group == meant[0]), "")
        if twin:
            return {}, f"{twin} and {name} are the same instance group; remove one from existingInstanceGroupNames"
        found[name] = meant[0]
    return found, ""


def units(accelerator: str, *, boards: int, partition: str, clients: int) -> int:
    """How many units of `nvidia.com/gpu` GKE offers on a node: each board, each client of a shared one, each partition.

    A board has seven compute units and its memory to divide, so `2g.10gb` of 40 GB are three
    (https://cloud.google.com/kubernetes-engine/docs/how-to/gpus-multi#multi-instance_gpu_partitions).
    """
    parts = 1
    if size := _PARTITION.fullmatch(partition):
        compute, memory = int(size[1]), int(size[2])
        told = re.search(r"-(\d+)gb$", accelerator)
        whole = int(told[1]) if told else _MEMORY.get(accelerator, 0)
        parts = min(7 // compute, round(whole / memory)) if whole else 7 // compute
    return boards * max(1, parts) * max(1, clients)


def common_labels(nodes: Iterable[Node]) -> dict[str, str]:
    """What all the nodes say of themselves: what another node like them will say; empty of none."""
    labels: dict[str, str] | None = None
    for node in nodes:
        if labels is None:
            labels = {name: value for name, value in node.labels.items() if name not in _OF_ONE_NODE}
        else:
            labels = {name: value for name, value in labels.items() if node.labels.get(name) == value}
    return labels or {}


def waits(pod: Pod) -> bool:
    """Whether the scheduler found no GPUs for it."""
    return bool(pod.gpus) and pod.unschedulable and not pod.node and not pod.deleting


def would_serve(pod: Pod, offer: Offer) -> bool:
    """Whether a node like this would give a GPU pod a place. CPU and memory are not looked at."""
    return (
        pod.gpus <= offer.gpus
        and pod.gpu_names <= offer.gpu_names
        and all(offer.labels.get(name) == value for name, value in pod.node_selector.items())
        and (pod.node_terms is None or any(_fulfils(offer.labels, term) for term in pod.node_terms))
        and all(_bears(pod.tolerations, taint) for taint in offer.taints if taint.effect in _KEEPS_OUT)
    )


class Servers:
    """Which groups' nodes would serve a pod. Pods that ask for the same are looked at once."""

    def __init__(self, offers: Mapping[str, Offer]) -> None:
        self._offers = offers
        self._found: dict[object, frozenset[str]] = {}

    def of(self, pod: Pod) -> frozenset[str]:
        """Names of groups."""
        asked = (pod.gpus, pod.gpu_names, tuple(sorted(pod.node_selector.items())), pod.node_terms, pod.tolerations)
        if asked not in self._found:
            self._found[asked] = frozenset(name for name, offer in self._offers.items() if would_serve(pod, offer))
        return self._found[asked]

    def of_all(self, pods: Iterable[Pod], group: str) -> frozenset[str]:
        """Those that would serve each of the GPU pods of a node of this group; empty where every group would."""
        found = frozenset(self._offers)
        if len(found) > 1:
            found = found.intersection(*(self.of(pod) | {group} for pod in pods if pod.gpus))
        return frozenset() if len(found) == len(self._offers) else found

    def pending(self, pods: Iterable[Pod]) -> list[tuple[int, frozenset[str]]]:
        """Of the pods that wait, and that some group would serve: GPUs and groups."""
        served = ((pod.gpus, self.of(pod)) for pod in pods if waits(pod))
        return sorted(
            ((gpus, groups) for gpus, groups in served if groups), key=lambda each: (each[0], sorted(each[1]))
        )


def _fulfils(labels: Mapping[str, str], term: tuple[Requirement, ...]) -> bool:
    """https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#operators"""
    return bool(term) and all(_holds(labels, each) for each in term)


def _holds(labels: Mapping[str, str], needed: Requirement) -> bool:
    value = labels.get(needed.key)
    if needed.operator == "In":
        return value in needed.values
    if needed.operator == "NotIn":
        return value not in needed.values
    if needed.operator == "Exists":
        return value is not None
    if needed.operator == "DoesNotExist":
        return value is None
    try:
        ours, theirs = int(value or ""), int(needed.values[0])
    except (ValueError, IndexError):
        return False
    return ours > theirs if needed.operator == "Gt" else needed.operator == "Lt" and ours < theirs


def _bears(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"""
    return any(
        each.effect in ("", taint.effect)
        and (
            (each.operator == "Exists" and each.key in ("", taint.key))
            or (each.operator == "Equal" and each.key == taint.key and each.value == taint.value)
        )
        for each in tolerations
    )


def is_coming(node: Node, *, now: float) -> bool:
    """Whether a node that is not useful yet is on its way still: young, or Ready or NotReady for a short time only."""
    if node.cordoned or (node.ready and node.gpus):
        return False
    return now - max(node.created, node.ready_changed) < LATE_SECONDS
