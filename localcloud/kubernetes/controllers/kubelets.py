"""The kubelets of all Ready nodes: pods start, run, finish and stop as time passes. No container runs."""

from __future__ import annotations

import hashlib
from typing import Any

from localcloud.kubernetes.clock import seconds, timestamp
from localcloud.kubernetes.controllers import images
from localcloud.kubernetes.controllers.controller import NOW, Controller, earliest, is_terminating, owner, remove
from localcloud.kubernetes.eviction import is_finished
from localcloud.kubernetes.machines import Ending, Machines
from localcloud.kubernetes.objects import Objects
from localcloud.kubernetes.subresources import set_condition

Json = dict[str, Any]

RUN_SECONDS = "localcloud.poolwright.dev/run-seconds"
JOB_SECONDS = 5.0  # how long a job's pod runs that does not say
STOP_SECONDS = 2.0  # how long a pod takes to stop, within its grace


def is_ready_node(node: Json) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class Kubelets(Controller):
    """`machines` says how long pods need to start, which images are there, and how pods end."""

    keys = frozenset({"pods", "nodes"})

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    def run(self, objects: Objects) -> float | None:
        nodes = {n["metadata"]["name"]: n for n in objects.store.table("nodes").values() if is_ready_node(n)}
        due: list[float | None] = []
        for pod in list(objects.store.table("pods").values()):
            node = nodes.get(pod["spec"].get("nodeName", ""))
            if node is not None:
                due.append(self._step(objects, pod, node))
            elif is_terminating(pod) and not pod["spec"].get("nodeName"):
                remove(objects, "pods", pod, NOW)
        return earliest(due)

    def _step(self, objects: Objects, pod: Json, node: Json) -> float | None:
        """Do what is due for one pod; returns when more is."""
        if is_terminating(pod):
            return _stop(objects, pod)
        if is_finished(pod):
            return None
        status, now = pod["status"], objects.now()
        if "startTime" not in status:
            status = _admitted(pod, now)
            pod = objects.store.put("pods", {**pod, "status": status})
            images.say_pulling(objects, self._machines, pod, node)
        if status["phase"] == "Pending":
            begins = seconds(status["startTime"]) + float(self._machines.start_seconds(pod, node))
            if now < begins:
                return begins
            images.say_pulled(objects, self._machines, pod, node)
            pod = objects.store.put("pods", {**pod, "status": _running(pod, node, now)})
        return _finish(objects, pod, self._machines.ending(pod, node))


def _stop(objects: Objects, pod: Json) -> float | None:
    meta = pod["metadata"]
    grace = float(meta.get("deletionGracePeriodSeconds", 0))
    due = seconds(meta["deletionTimestamp"]) - grace + min(grace, STOP_SECONDS)
    if objects.now() < due:
        return due
    if meta.get("deletionGracePeriodSeconds") or not meta.get("finalizers"):
        remove(objects, "pods", pod, NOW)
    return None


def _finish(objects: Objects, pod: Json, ending: Ending) -> float | None:
    """End a pod that has done its work; pods that always restart never do."""
    if pod["spec"].get("restartPolicy") == "Always":
        return None
    lasts = _lasts(pod, ending)
    states = (status["state"] for status in pod["status"].get("containerStatuses") or ())
    started = next((state["running"]["startedAt"] for state in states if "running" in state), None)
    if lasts is None or started is None:
        return None
    due = seconds(started) + lasts
    if objects.now() < due:
        return due
    if ending.well or pod["spec"].get("restartPolicy") == "Never":
        objects.store.put("pods", {**pod, "status": _ended(pod, started, objects.now(), ending)})
        return None
    objects.store.put("pods", {**pod, "status": _restarted(pod, started, objects.now(), ending)})
    return objects.now() + lasts


def _lasts(pod: Json, ending: Ending) -> float | None:
    """Seconds that a pod runs; None for one that does not end."""
    annotations = pod["metadata"].get("annotations") or {}
    if ending.seconds is not None:
        return ending.seconds
    if RUN_SECONDS in annotations:
        return float(annotations[RUN_SECONDS])
    reference = owner(pod)
    return JOB_SECONDS if reference is not None and reference["kind"] == "Job" else None


def _condition(kind: str, status: str, now: float, reason: str = "") -> Json:
    condition: Json = {
        "type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": timestamp(now),
    }  # fmt: skip
    return {**condition, "reason": reason} if reason else condition


def _container_statuses(pod: Json, state: Json, *, ready: bool) -> list[Json]:
    statuses = []
    for container in pod["spec"]["containers"]:
        image = container.get("image", "")
        digest = hashlib.sha256(image.encode()).hexdigest()
        identity = hashlib.sha256(f"{pod['metadata']['uid']}/{container['name']}".encode()).hexdigest()
        waiting = "waiting" in state
        status: Json = {
            "name": container["name"], "image": image, "restartCount": 0, "ready": ready, "started": ready,
            "imageID": "" if waiting else f"{image.partition('@')[0]}@sha256:{digest}", "state": state,
            "lastState": {},
        }  # fmt: skip
        if not waiting:
            status["containerID"] = f"containerd://{identity}"
        statuses.append(status)
    return statuses


def _admitted(pod: Json, now: float) -> Json:
    status = {**pod["status"], "phase": "Pending", "startTime": timestamp(now)}
    status["containerStatuses"] = _container_statuses(pod, {"waiting": {"reason": "ContainerCreating"}}, ready=False)
    set_condition(status, _condition("PodScheduled", "True", now))
    set_condition(status, _condition("Initialized", "True", now))
    for kind in ("ContainersReady", "Ready"):
        set_condition(status, _condition(kind, "False", now, "ContainersNotReady"))
    return status


def _running(pod: Json, node: Json, now: float) -> Json:
    status = {**pod["status"], "phase": "Running"}
    status["containerStatuses"] = _container_statuses(pod, {"running": {"startedAt": timestamp(now)}}, ready=True)
    addresses = (node.get("status") or {}).get("addresses") or ()
    host = next((a["address"] for a in addresses if a["type"] == "InternalIP"), "")
    own = hashlib.sha256(pod["metadata"]["uid"].encode()).digest()
    address = host if pod["spec"].get("hostNetwork") and host else f"10.{own[0] % 128 + 64}.{own[1]}.{own[2] % 254 + 1}"
    status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if host:
        status |= {"hostIP": host, "hostIPs": [{"ip": host}]}
    for kind in ("PodReadyToStartContainers", "ContainersReady", "Ready"):
        set_condition(status, _condition(kind, "True", now))
    return status


def _ended(pod: Json, started: str, now: float, ending: Ending) -> Json:
    status = {**pod["status"], "phase": "Succeeded" if ending.well else "Failed"}
    status["containerStatuses"] = _container_statuses(pod, _terminated(started, now, ending), ready=False)
    for kind in ("ContainersReady", "Ready"):
        set_condition(status, _condition(kind, "False", now, "PodCompleted" if ending.well else "PodFailed"))
    return status


def _restarted(pod: Json, started: str, now: float, ending: Ending) -> Json:
    """A container that failed begins anew in its pod; the back-off between two tries is left out."""
    fresh = _container_statuses(pod, {"running": {"startedAt": timestamp(now)}}, ready=True)
    for each, before in zip(fresh, pod["status"]["containerStatuses"], strict=True):
        each |= {"restartCount": before["restartCount"] + 1, "lastState": _terminated(started, now, ending)}
    return {**pod["status"], "containerStatuses": fresh}


def _terminated(started: str, now: float, ending: Ending) -> Json:
    """As containerd tells of an end: Completed or Error, unless it knows better (OOMKilled)."""
    state: Json = {
        "exitCode": ending.exit_code, "reason": ending.reason or ("Completed" if ending.well else "Error"),
        "startedAt": started, "finishedAt": timestamp(now),
    }  # fmt: skip
    return {"terminated": {**state, "message": ending.message} if ending.message else state}
