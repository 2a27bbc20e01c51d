"""The columns kubectl shows of built-in kinds.

Source: pkg/printers/internalversion/printers.go of Kubernetes. Columns of a priority above 0 are for `-o wide`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.clock import human, seconds

Json = dict[str, Any]

Cell = Callable[[Json, float], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `cell` takes the object and the present time (epoch seconds)."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""

    def definition(self) -> Json:
        """TableColumnDefinition."""
        return {
            "name": self.name, "type": self.type, "format": self.format, "description": self.description,
            "priority": self.priority,
        }  # fmt: skip


def of(key: str) -> list[Column]:
    """The columns of a kind; name and age for those that have none of their own."""
    return _COLUMNS.get(key) or [_NAME, _AGE]


def at(path: str, absent: Any = "") -> Cell:
    """A cell from a dotted path."""
    steps = path.split(".")

    def read(obj: Json, _: float) -> Any:
        value: Any = obj
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        return absent if value is None else value

    return read


def age_of(text: str | None, now: float) -> str:
    return human(now - seconds(text)) if text else "<unknown>"


def _age(obj: Json, now: float) -> str:
    return age_of(obj["metadata"].get("creationTimestamp"), now)


_NAME = Column("Name", at("metadata.name"), format="name")
_AGE = Column("Age", _age)


def _count(path: str) -> Cell:
    read = at(path)
    return lambda obj, now: len(read(obj, now) or ())


def _wide(name: str, cell: Cell) -> Column:
    return Column(name, cell, priority=1)


def _number(name: str, path: str) -> Column:
    return Column(name, at(path, 0), "integer")


def _selector(path: str) -> Cell:
    read = at(path)

    def shown(obj: Json, now: float) -> str:
        labels = read(obj, now) or {}
        return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>"

    return shown


def _containers(what: str) -> Cell:
    def shown(obj: Json, _: float) -> str:
        spec = obj.get("spec") or {}
        template = (spec.get("template") or {}).get("spec") or {}
        return ",".join(container.get(what, "") for container in template.get("containers") or ())

    return shown


def _conditions(obj: Json) -> dict[str, str]:
    return {c["type"]: c["status"] for c in (obj.get("status") or {}).get("conditions") or ()}


def _node_status(obj: Json, _: float) -> str:
    ready = _conditions(obj).get("Ready", "Unknown")
    words = [{"True": "Ready", "False": "NotReady"}.get(ready, "NotReady" if ready == "Unknown" else "Unknown")]
    if (obj.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(obj: Json, _: float) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or "<none>"


def _node_address(kind: str) -> Cell:
    def shown(obj: Json, _: float) -> str:
        addresses = (obj.get("status") or {}).get("addresses") or ()
        return next((a["address"] for a in addresses if a["type"] == kind), "<none>")

    return shown


def _pod_ready(obj: Json, _: float) -> str:
    statuses = (obj.get("status") or {}).get("containerStatuses") or ()
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len(obj['spec'].get('containers') or ())}"


def _pod_status(obj: Json, _: float) -> str:
    status = obj.get("status") or {}
    reason: str = status.get("reason") or status.get("phase") or "Unknown"
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
        reason = waiting.get("reason") or terminated.get("reason") or reason
    return "Terminating" if "deletionTimestamp" in obj["metadata"] else reason


def _pod_restarts(obj: Json, _: float) -> str:
    statuses = (obj.get("status") or {}).get("containerStatuses") or ()
    return str(sum(s.get("restartCount", 0) for s in statuses))


def _pod_gates(obj: Json, _: float) -> str:
    gates = obj["spec"].get("readinessGates") or ()
    met = _conditions(obj)
    return f"{sum(met.get(g['conditionType']) == 'True' for g in gates)}/{len(gates)}" if gates else "<none>"


def _deployment_ready(obj: Json, _: float) -> str:
    return f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}"


def _job_status(obj: Json, _: float) -> str:
    met = _conditions(obj)
    for condition, word in (("Complete", "Complete"), ("Failed", "Failed")):
        if met.get(condition) == "True":
            return word
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    return "Suspended" if met.get("Suspended") == "True" else "Running"


def _job_completions(obj: Json, _: float) -> str:
    done = (obj.get("status") or {}).get("succeeded", 0)
    wanted, parallelism = obj["spec"].get("completions"), obj["spec"].get("parallelism", 1)
    if wanted is not None:
        return f"{done}/{wanted}"
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _job_duration(obj: Json, now: float) -> str:
    status = obj.get("status") or {}
    if not status.get("startTime"):
        return ""
    end = seconds(status["completionTime"]) if status.get("completionTime") else now
    return human(end - seconds(status["startTime"]))


def _event_object(obj: Json, _: float) -> str:
    involved = obj.get("involvedObject") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _event_seen(obj: Json, now: float) -> str:
    seen = obj.get("lastTimestamp") or obj.get("firstTimestamp") or obj.get("eventTime")
    return age_of(seen or obj["metadata"].get("creationTimestamp"), now)


def _budget_limit(name: str) -> Cell:
    return lambda obj, _: str((obj.get("spec") or {}).get(name, "N/A"))


def _service_ports(obj: Json, _: float) -> str:
    ports = (obj.get("spec") or {}).get("ports") or ()
    return ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>"


_STATUS = "status."
_IMAGES = (_wide("Containers", _containers("name")), _wide("Images", _containers("image")))
_MATCHED = _wide("Selector", _selector("spec.selector.matchLabels"))

_COLUMNS: dict[str, list[Column]] = {
    "nodes": [
        _NAME, Column("Status", _node_status), Column("Roles", _node_roles), _AGE,
        Column("Version", at("status.nodeInfo.kubeletVersion")), _wide("Internal-IP", _node_address("InternalIP")),
        _wide("External-IP", _node_address("ExternalIP")),
        _wide("OS-Image", at("status.nodeInfo.osImage", "<unknown>")),
        _wide("Kernel-Version", at("status.nodeInfo.kernelVersion", "<unknown>")),
        _wide("Container-Runtime", at("status.nodeInfo.containerRuntimeVersion", "<unknown>")),
    ],
    "pods": [
        _NAME, Column("Ready", _pod_ready), Column("Status", _pod_status), Column("Restarts", _pod_restarts), _AGE,
        _wide("IP", at("status.podIP", "<none>")), _wide("Node", at("spec.nodeName", "<none>")),
        _wide("Nominated Node", at("status.nominatedNodeName", "<none>")), _wide("Readiness Gates", _pod_gates),
    ],
    "namespaces": [_NAME, Column("Status", at("status.phase")), _AGE],
    "configmaps": [_NAME, Column("Data", _count("data"), "integer"), _AGE],
    "secrets": [_NAME, Column("Type", at("type")), Column("Data", _count("data"), "integer"), _AGE],
    "serviceaccounts": [_NAME, Column("Secrets", _count("secrets"), "integer"), _AGE],
    "services": [
        _NAME, Column("Type", at("spec.type")), Column("Cluster-IP", at("spec.clusterIP", "<none>")),
        Column("External-IP", lambda *_: "<none>"), Column("Port(s)", _service_ports), _AGE,
        _wide("Selector", _selector("spec.selector")),
    ],
    "deployments.apps": [
        _NAME, Column("Ready", _deployment_ready), _number("Up-to-date", _STATUS + "updatedReplicas"),
        _number("Available", _STATUS + "availableReplicas"), _AGE, *_IMAGES, _MATCHED,
    ],
    "replicasets.apps": [
        _NAME, _number("Desired", "spec.replicas"), _number("Current", _STATUS + "replicas"),
        _number("Ready", _STATUS + "readyReplicas"), _AGE, *_IMAGES, _MATCHED,
    ],
    "statefulsets.apps": [_NAME, Column("Ready", _deployment_ready), _AGE, *_IMAGES],
    "daemonsets.apps": [
        _NAME, _number("Desired", _STATUS + "desiredNumberScheduled"),
        _number("Current", _STATUS + "currentNumberScheduled"), _number("Ready", _STATUS + "numberReady"),
        _number("Up-to-date", _STATUS + "updatedNumberScheduled"), _number("Available", _STATUS + "numberAvailable"),
        Column("Node Selector", _selector("spec.template.spec.nodeSelector")), _AGE, *_IMAGES, _MATCHED,
    ],
    "jobs.batch": [
        _NAME, Column("Status", _job_status), Column("Completions", _job_completions),
        Column("Duration", _job_duration), _AGE, *_IMAGES, _MATCHED,
    ],
    "cronjobs.batch": [
        _NAME, Column("Schedule", at("spec.schedule")), Column("Timezone", at("spec.timeZone", "<none>")),
        Column("Suspend", lambda obj, now: str(at("spec.suspend", False)(obj, now))),
        Column("Active", _count("status.active"), "integer"),
        Column("Last Schedule", lambda obj, now: age_of((obj.get("status") or {}).get("lastScheduleTime"), now)
               if (obj.get("status") or {}).get("lastScheduleTime") else "<none>"), _AGE,
    ],
    "poddisruptionbudgets.policy": [
        _NAME, Column("Min Available", _budget_limit("minAvailable")),
        Column("Max Unavailable", _budget_limit("maxUnavailable")),
        _number("Allowed Disruptions", _STATUS + "disruptionsAllowed"), _AGE,
    ],
    "events": [
        Column("Last Seen", _event_seen), Column("Type", at("type")), Column("Reason", at("reason")),
        Column("Object", _event_object), _wide("Subobject", at("involvedObject.fieldPath")),
        _wide("Source", at("source.component")), Column("Message", at("message")),
        _wide("First Seen", lambda obj, now: age_of(obj.get("firstTimestamp"), now)),
        _wide("Count", at("count", 1)), Column("Name", at("metadata.name"), priority=1, format="name"),
    ],
    "leases.coordination.k8s.io": [_NAME, Column("Holder", at("spec.holderIdentity")), _AGE],
    "priorityclasses.scheduling.k8s.io": [
        _NAME, Column("Value", at("value", 0), "integer"),
        Column("Global-Default", at("globalDefault", False), "boolean"), _AGE,
        _wide("PreemptionPolicy", at("preemptionPolicy", "PreemptLowerPriority")),
    ],
    "storageclasses.storage.k8s.io": [
        _NAME, Column("Provisioner", at("provisioner")), Column("ReclaimPolicy", at("reclaimPolicy", "Delete")),
        Column("VolumeBindingMode", at("volumeBindingMode", "Immediate")),
        Column("AllowVolumeExpansion", at("allowVolumeExpansion", False), "boolean"), _AGE,
    ],
    "persistentvolumeclaims": [
        _NAME, Column("Status", at("status.phase")), Column("Volume", at("spec.volumeName")),
        Column("Capacity", at("status.capacity.storage")),
        Column("Access Modes", lambda obj, now: ",".join(at("spec.accessModes", [])(obj, now))),
        Column("StorageClass", at("spec.storageClassName")), _AGE,
    ],
    "persistentvolumes": [
        _NAME, Column("Capacity", at("spec.capacity.storage")),
        Column("Access Modes", lambda obj, now: ",".join(at("spec.accessModes", [])(obj, now))),
        Column("Reclaim Policy", at("spec.persistentVolumeReclaimPolicy")), Column("Status", at("status.phase")),
        Column("Claim", at("spec.claimRef.name")), Column("StorageClass", at("spec.storageClassName")), _AGE,
    ],
    "customresourcedefinitions.apiextensions.k8s.io": [
        _NAME, Column("Created At", at("metadata.creationTimestamp"), format="date"),
    ],
}  # fmt: skip
