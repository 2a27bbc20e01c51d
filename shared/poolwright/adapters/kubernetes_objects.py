"""What the objects of a cluster's API mean to us: nodes, pods, Jobs, and what kubelets say of images.

Shapes: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, TypeVar, cast

from poolwright.logs import redact
from poolwright.nodes import (
    CORDONED_FOR,
    INSTANCE_ID,
    MIRROR,
    SAFE_TO_EVICT,
    ConfigMap,
    ImagePull,
    Job,
    Node,
    NodeTerm,
    Pod,
    Requirement,
    Toleration,
)
from poolwright.services.ports import Json

GPU = "nvidia.com/gpu"
# What device plugins offer GPUs by: whole ones and equal parts of them (GKE's time-sharing, MPS and partitions are more
# of `nvidia.com/gpu`), shared ones under a name of their own (`renameByDefault`), partitions of several sizes (MIG
# strategy `mixed`): https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus and
# https://cloud.google.com/kubernetes-engine/docs/how-to/gpus-multi.
_GPU_NAME = re.compile(r"nvidia\.com/(gpu|mig-[0-9a-z.+-]+?)(\.shared)?")
_HOSTNAME = "kubernetes.io/hostname"
_SAFE_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_NEEDED_IMAGE = re.compile(r'(?P<there>Container image|Successfully pulled image) "(?P<image>[^"]+)"')
_LONGEST_REASON = 300
_Kept = TypeVar("_Kept", bound=Hashable)


def node(item: Json) -> Node:
    """From `Node`."""
    metadata, status = item["metadata"], item.get("status", {})
    gpus = _gpus_in(status.get("allocatable", {}))
    ready: Json = next((each for each in status.get("conditions", []) if each["type"] == "Ready"), {})
    changed = ready.get("lastTransitionTime")
    return Node(
        name=metadata["name"],
        ready=ready.get("status") == "True",
        cordoned=bool(item.get("spec", {}).get("unschedulable")),
        gpus=sum(gpus.values()),
        labels=metadata.get("labels", {}),
        annotations=_of_use(metadata, CORDONED_FOR, INSTANCE_ID),
        created=_seconds(metadata["creationTimestamp"]),
        # Nodes hold the same images: each name is kept once.
        images=tuple(sys.intern(name) for image in status.get("images", []) for name in image.get("names") or []),
        ready_changed=_seconds(changed) if changed else 0.0,
        gpu_names=frozenset(name for name, count in gpus.items() if count),
    )


def pod(item: Json) -> Pod:
    """From `Pod`."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status", {})
    owners = [owner["kind"] for owner in metadata.get("ownerReferences", []) if owner.get("controller")]
    gpus = _gpus(spec)
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec.get("nodeName", ""),
        phase=status.get("phase", ""),
        gpus=sum(gpus.values()),
        owner=owners[0] if owners else "",
        annotations=_of_use(metadata, SAFE_TO_EVICT, MIRROR),
        unschedulable=not spec.get("nodeName") and _found_no_place(status),
        node_selector=spec.get("nodeSelector", {}),
        deleting="deletionTimestamp" in metadata,
        always_pulled=frozenset(
            container.get("image", "")
            for container in [*spec.get("initContainers", []), *spec["containers"]]
            if container.get("imagePullPolicy") == "Always"
        ),
        local_storage=_keeps_data_here(spec, metadata.get("annotations", {})),
        gpu_names=frozenset(gpus),
        node_terms=_once(_node_terms(spec)) if gpus else None,
        tolerations=_once(_tolerations(spec)) if gpus else (),
    )


@lru_cache(maxsize=1024)
def _same(value: Hashable) -> Hashable:
    return value


def _once(value: _Kept) -> _Kept:
    """The first value that is equal to it: thousands of pods are alike, and need not be kept a thousand times."""
    return cast("_Kept", _same(value))


_NONE: Mapping[str, str] = MappingProxyType({})


def _of_use(metadata: Json, *names: str) -> Mapping[str, str]:
    """Of the annotations those that anybody asks for: the others are large, and many."""
    there = metadata.get("annotations") or _NONE
    return {name: there[name] for name in names if name in there} or _NONE


def _found_no_place(status: Json) -> bool:
    """Whether the scheduler has tried and found none. A gated pod (reason SchedulingGated) was not tried, and one with
    a nominated node is to get its place there
    (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/ and, beside it,
    pod-priority-preemption/)."""
    return not status.get("nominatedNodeName") and any(
        condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable"
        for condition in status.get("conditions", [])
    )


def _node_terms(spec: Json) -> tuple[NodeTerm, ...] | None:
    """One of which a node must fulfil, None where any node will do. A condition on a node's fields names one that is
    there already: no new node fulfils it
    (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#NodeSelectorTerm)."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return None
    return tuple(
        tuple(
            Requirement(each["key"], each["operator"], tuple(each.get("values") or ()))
            for each in term.get("matchExpressions") or []
        )
        for term in required["nodeSelectorTerms"]
        if not term.get("matchFields")
    )


def _tolerations(spec: Json) -> tuple[Toleration, ...]:
    return tuple(
        Toleration(each.get("key", ""), each.get("operator") or "Equal", each.get("value", ""), each.get("effect", ""))
        for each in spec.get("tolerations") or []
    )


def _keeps_data_here(spec: Json, annotations: Json) -> bool:
    """As the cluster autoscaler sees it: a hostPath or an emptyDir that is not in memory, unless the pod's annotation
    names the volume (github.com/kubernetes/autoscaler, cluster-autoscaler/utils/drain/drain.go)."""
    excused = annotations.get(_SAFE_VOLUMES, "").split(",")
    return any(
        "hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory")
        for volume in spec.get("volumes", [])
        if volume["name"] not in excused
    )


def config_map(item: Json) -> ConfigMap:
    """From `ConfigMap`."""
    metadata = item["metadata"]
    return ConfigMap(name=metadata["name"], data=item.get("data") or {}, version=metadata["resourceVersion"])


def _gpus(spec: Json) -> dict[str, int]:
    """What the scheduler reserves, by resource: the containers' sum with that of the sidecars (init containers that
    restart), or what an init container needs with the sidecars that were started before it, if that is more
    (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers)."""
    sidecars: dict[str, int] = {}
    most: dict[str, int] = {}
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy") == "Always":
            _add(sidecars, container)
        else:
            for name, count in _gpus_of(container).items():
                most[name] = max(most.get(name, 0), count + sidecars.get(name, 0))
    for container in spec["containers"]:
        _add(sidecars, container)
    for name, count in sidecars.items():
        most[name] = max(most.get(name, 0), count)
    return most


def _add(sums: dict[str, int], container: Json) -> None:
    for name, count in _gpus_of(container).items():
        sums[name] = sums.get(name, 0) + count


def _gpus_of(container: Json) -> dict[str, int]:
    return _gpus_in((container.get("resources") or {}).get("requests") or {})


def _gpus_in(resources: Json) -> dict[str, int]:
    return {name: int(count) for name, count in resources.items() if name[0] == "n" and _GPU_NAME.fullmatch(name)}


def image_pull(event: Json) -> ImagePull | None:
    """What an event of reason Pulled says. Its wording is the kubelet's: `Container image "X" already present on
    machine` (1.35 adds words after it) and `Successfully pulled image "X" in ...`
    (https://github.com/kubernetes/kubernetes/blob/v1.33.5/pkg/kubelet/images/image_manager.go)."""
    found = _NEEDED_IMAGE.match(event.get("message") or "")
    if not found:
        return None
    involved = event["involvedObject"]
    at = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return ImagePull(
        node=(event.get("source") or {}).get("host") or event.get("reportingInstance") or "",
        namespace=involved.get("namespace", ""),
        pod=involved.get("name", ""),
        image=found["image"],
        was_there=found["there"] == "Container image",
        at=_seconds(at),
    )


def job(item: Json, pods: list[Json]) -> Job:
    """A Job, and in words why it failed or what its pod waits for."""
    metadata = item["metadata"]
    states: dict[str, Literal["passed", "failed"]] = {"Complete": "passed", "Failed": "failed"}
    how = ended(item)
    said = [text for each in pods if (text := _what_a_pod_says(each))]
    reason = said[0] if said else ""
    if how == "Failed" and not reason:  # a Job that is past its deadline has no pods any more
        failed = next(each for each in item["status"]["conditions"] if each["type"] == "Failed")
        reason = f"{failed.get('reason', '')}: {failed.get('message', '')}"
    return Job(
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=item["spec"]["template"]["spec"].get("nodeSelector", {}).get(_HOSTNAME, ""),
        labels=metadata.get("labels", {}),
        state=states.get(how, "running"),
        reason=redact(reason)[:_LONGEST_REASON],  # it quotes a log
    )


def ended(item: Json) -> str:
    """Complete, Failed, or nothing."""
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return str(condition["type"])
    return ""


def _what_a_pod_says(item: Json) -> str:
    """The end of its first container that ended badly, or what it waits for."""
    for status in item.get("status", {}).get("containerStatuses", []):
        over, waiting = status["state"].get("terminated"), status["state"].get("waiting")
        if over and over["exitCode"]:
            message = f": {over['message'].strip()}" if over.get("message") else ""
            return f"its container ended with exit code {over['exitCode']} ({over.get('reason', 'Error')}){message}"
        if waiting:
            message = f": {waiting['message']}" if waiting.get("message") else ""
            return f"its container waits ({waiting.get('reason', 'no reason')}){message}"
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"its pod found no place: {condition.get('message', condition.get('reason', ''))}"
    return ""


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
