"""What the objects of a cluster's API mean to us: nodes, pods, Jobs, and what kubelets say of images.

Shapes: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from poolwright.logs import redact
from poolwright.nodes import ConfigMap, ImagePull, Job, Node, Pod
from poolwright.services.ports import Json

GPU = "nvidia.com/gpu"
_HOSTNAME = "kubernetes.io/hostname"
_SAFE_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_NEEDED_IMAGE = re.compile(r'(?P<there>Container image|Successfully pulled image) "(?P<image>[^"]+)"')
_LONGEST_REASON = 300


def node(item: Json) -> Node:
    """From `Node`."""
    metadata, status = item["metadata"], item.get("status", {})
    ready: Json = next((each for each in status.get("conditions", []) if each["type"] == "Ready"), {})
    changed = ready.get("lastTransitionTime")
    return Node(
        name=metadata["name"],
        ready=ready.get("status") == "True",
        cordoned=bool(item.get("spec", {}).get("unschedulable")),
        gpus=int(status.get("allocatable", {}).get(GPU, 0)),
        labels=metadata.get("labels", {}),
        annotations=metadata.get("annotations", {}),
        created=_seconds(metadata["creationTimestamp"]),
        images=tuple(name for image in status.get("images", []) for name in image.get("names") or []),
        ready_changed=_seconds(changed) if changed else 0.0,
    )


def pod(item: Json) -> Pod:
    """From `Pod`."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status", {})
    owners = [owner["kind"] for owner in metadata.get("ownerReferences", []) if owner.get("controller")]
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec.get("nodeName", ""),
        phase=status.get("phase", ""),
        gpus=_gpus(spec),
        owner=owners[0] if owners else "",
        annotations=metadata.get("annotations", {}),
        unschedulable=any(
            condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable"
            for condition in status.get("conditions", [])
        ),
        node_selector=spec.get("nodeSelector", {}),
        deleting="deletionTimestamp" in metadata,
        always_pulled=frozenset(
            container.get("image", "")
            for container in [*spec.get("initContainers", []), *spec["containers"]]
            if container.get("imagePullPolicy") == "Always"
        ),
        local_storage=_keeps_data_here(spec, metadata.get("annotations", {})),
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


def _gpus(spec: Json) -> int:
    """What the scheduler reserves: the containers' sum, or one init container's if that is more."""
    first = spec.get("initContainers", [])
    sidecars = [container for container in first if container.get("restartPolicy") == "Always"]
    alone = [_asked(container) for container in first if container not in sidecars]
    return max(sum(map(_asked, [*spec["containers"], *sidecars])), *alone, 0)


def _asked(container: Json) -> int:
    return int(container.get("resources", {}).get("requests", {}).get(GPU, 0))


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
