"""Defaults the apiserver fills into built-in objects, as far as clients and our controllers read them.

Source: the SetDefaults_ functions of Kubernetes (pkg/apis/*/v1/defaults.go) and its default admission plugins.
Each function changes the (own) copy of the object it is given.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.kinds import CRD_KEY

Json = dict[str, Any]

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"


def fill(target: Json, **values: Any) -> None:
    """Set what is absent."""
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def pod_spec(spec: Json) -> None:
    """Defaults of a pod and of a pod template alike."""
    fill(
        spec, restartPolicy="Always", dnsPolicy="ClusterFirst", terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler", securityContext={},
    )  # fmt: skip
    if spec.get("serviceAccountName"):
        fill(spec, serviceAccount=spec["serviceAccountName"])
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Json) -> None:
    image = container.get("image") or ""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    fill(
        container, resources={}, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )  # fmt: skip
    limits = container["resources"].get("limits")
    if limits:
        container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}
    for port in container.get("ports") or ():
        fill(port, protocol="TCP")
    for variable in container.get("env") or ():
        if "fieldRef" in (variable.get("valueFrom") or {}):
            fill(variable["valueFrom"]["fieldRef"], apiVersion="v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            fill(container[name], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _volume(volume: Json) -> None:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            fill(volume[source], defaultMode=420)
    if "hostPath" in volume:
        fill(volume["hostPath"], type="")
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _pod(obj: Json) -> None:
    spec = obj["spec"]
    pod_spec(spec)
    fill(spec, serviceAccountName="default", enableServiceLinks=True)
    fill(spec, priority=0, preemptionPolicy="PreemptLowerPriority")
    spec["serviceAccount"] = spec["serviceAccountName"]
    tolerations = list(spec.get("tolerations") or ())
    for key in (NOT_READY, UNREACHABLE):
        if not any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    spec["tolerations"] = tolerations


def _template(obj: Json) -> None:
    template = (obj.get("spec") or {}).get("template")
    if template and template.get("spec"):
        pod_spec(template["spec"])


def _deployment(obj: Json) -> None:
    spec = obj["spec"]
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        fill(spec["strategy"], rollingUpdate={})
        fill(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(obj)


def _replica_set(obj: Json) -> None:
    fill(obj["spec"], replicas=1)
    _template(obj)


def _daemon_set(obj: Json) -> None:
    spec = obj["spec"]
    fill(spec, revisionHistoryLimit=10, updateStrategy={})
    fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        fill(spec["updateStrategy"], rollingUpdate={})
        fill(spec["updateStrategy"]["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    _template(obj)


def _stateful_set(obj: Json) -> None:
    fill(
        obj["spec"], replicas=1, podManagementPolicy="OrderedReady", revisionHistoryLimit=10,
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    )  # fmt: skip
    _template(obj)


def _job(obj: Json) -> None:
    spec, name = obj["spec"], obj["metadata"]["name"]
    if spec.get("parallelism") is None and spec.get("completions") is None:
        fill(spec, completions=1)
    fill(
        spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False,
        podReplacementPolicy="TerminatingOrFailed",
    )  # fmt: skip
    if not spec.get("manualSelector"):
        uid = obj["metadata"]["uid"]
        meta = spec.setdefault("template", {}).setdefault("metadata", {})
        own = {"controller-uid": uid, "job-name": name}
        labels = {**own, **{f"batch.kubernetes.io/{key}": value for key, value in own.items()}}
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    _template(obj)


def _cron_job(obj: Json) -> None:
    fill(obj["spec"], concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _template(obj["spec"].get("jobTemplate") or {})


def _service(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP", targetPort=port.get("port"))


def _secret(obj: Json) -> None:
    fill(obj, type="Opaque")
    plain = obj.pop("stringData", None) or {}
    if plain:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _namespace(obj: Json) -> None:
    name = obj["metadata"]["name"]
    obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    fill(obj, spec={})
    fill(obj["spec"], finalizers=["kubernetes"])


def _definition(obj: Json) -> None:
    names = obj["spec"]["names"]
    fill(names, singular=names["kind"].lower(), listKind=names["kind"] + "List")
    fill(obj["spec"], conversion={"strategy": "None"})


def _storage_class(obj: Json) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _event(obj: Json) -> None:
    fill(obj, count=1, type="Normal")


BY_KIND: dict[str, Callable[[Json], None]] = {
    "pods": _pod,
    "deployments.apps": _deployment,
    "replicasets.apps": _replica_set,
    "daemonsets.apps": _daemon_set,
    "statefulsets.apps": _stateful_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "services": _service,
    "secrets": _secret,
    "namespaces": _namespace,
    CRD_KEY: _definition,
    "storageclasses.storage.k8s.io": _storage_class,
    "events": _event,
}


def first_status(key: str, obj: Json, now: float) -> Json | None:
    """What `status` says right after creation; None for kinds that start without one."""
    if key == CRD_KEY:
        stored = [version["name"] for version in obj["spec"]["versions"] if version.get("storage")]
        return {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}
    first: dict[str, Json] = {
        "pods": {"phase": "Pending", "qosClass": "BestEffort"},
        "namespaces": {"phase": "Active"},
        "services": {"loadBalancer": {}},
        "persistentvolumes": {"phase": "Pending"},
        "persistentvolumeclaims": {"phase": "Pending"},
        "daemonsets.apps": {
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
        },
        "replicasets.apps": {"replicas": 0},
        "statefulsets.apps": {"replicas": 0, "availableReplicas": 0},
        "deployments.apps": {},
        "jobs.batch": {},
        "cronjobs.batch": {},
        "poddisruptionbudgets.policy": {
            "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
        },
    }  # fmt: skip
    return first.get(key)


def established(definition: Json, now: float) -> Json:
    """The status of a definition that is served: names accepted, Established, versions remembered."""
    status: Json = dict(definition.get("status") or {})
    status["acceptedNames"] = definition["spec"]["names"]
    for kind, reason, message in (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ):
        if not any(c["type"] == kind for c in status.get("conditions") or ()):
            condition = {"type": kind, "status": "True", "reason": reason, "message": message,
                         "lastTransitionTime": timestamp(now)}  # fmt: skip
            status["conditions"] = [*(status.get("conditions") or ()), condition]
    stored = next((v["name"] for v in definition["spec"]["versions"] if v.get("storage")), None)
    known = list(status.get("storedVersions") or ())
    status["storedVersions"] = known if stored in known else [*known, stored]
    return status
