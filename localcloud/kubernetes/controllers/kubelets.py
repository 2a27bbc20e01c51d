"""The kubelets of all Ready nodes: pods start, run, finish and stop as time passes. No container runs.

What they do is the same on the embedded API and on a real control plane; `Reach` is what they need of either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

from localcloud.kubernetes.clock import seconds, timestamp
from localcloud.kubernetes.controllers import events, images
from localcloud.kubernetes.controllers.controller import NOW, Controller, earliest, is_terminating, owner, remove
from localcloud.kubernetes.errors import ApiError
from localcloud.kubernetes.eviction import is_finished
from localcloud.kubernetes.machines import Ending, Machines
from localcloud.kubernetes.objects import Objects
from localcloud.kubernetes.subresources import set_condition

Json = dict[str, Any]

RUN_SECONDS = "localcloud.poolwright.dev/run-seconds"
JOB_SECONDS = 5.0  # how long a job's pod runs that does not say
STOP_SECONDS = 2.0  # how long a pod takes to stop that does not say, within its grace
STOPPING_SECONDS = "localcloud.poolwright.dev/stop-seconds"


def is_ready_node(node: Json) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class Reach(Protocol):
    """What kubelets see of a cluster and do to it. Writes raise ApiError: 404 and 409 where they came too late."""

    def now(self) -> float:
        """Epoch seconds."""

    def nodes(self) -> Iterable[Json]:
        """All nodes: not to be changed."""

    def pods(self) -> Iterable[Json]:
        """All pods: not to be changed."""

    def set_status(self, pod: Json, status: Json) -> Json:
        """Write a pod's status; the pod as it is then."""

    def end(self, pod: Json) -> None:
        """A deleted pod has stopped: it may go."""

    def tell(self, pod: Json, reason: str, message: str, *, field: str, host: str) -> None:
        """An event about a part of a pod."""


class Kubelets:
    """`machines` says how long pods need to start, which images are there, and how pods end."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    def work(self, reach: Reach) -> float | None:
        """Do what is due; returns when more is (epoch seconds)."""
        nodes = {n["metadata"]["name"]: n for n in reach.nodes() if is_ready_node(n)}
        due: list[float | None] = []
        for pod in list(reach.pods()):
            node = nodes.get(pod["spec"].get("nodeName", ""))
            try:
                if node is not None:
                    due.append(self._step(reach, pod, node))
                elif is_terminating(pod) and not pod["spec"].get("nodeName"):
                    reach.end(pod)
            except ApiError as late:
                if late.code not in (404, 409):  # the pod has changed: that change wakes us
                    raise
        return earliest(due)

    def _step(self, reach: Reach, pod: Json, node: Json) -> float | None:
        """Do what is due for one pod; returns when more is."""
        if is_terminating(pod):
            return _stop(reach, pod)
        if is_finished(pod):
            return None
        status, now = pod["status"], reach.now()
        if "startTime" not in status:
            status = _admitted(pod, now)
            pod = reach.set_status(pod, status)
            images.say_pulling(reach, self._machines, pod, node)
        if status["phase"] == "Pending":
            begins = seconds(status["startTime"]) + float(self._machines.start_seconds(pod, node))
            if now < begins:
                return begins
            images.say_pulled(reach, self._machines, pod, node)
            pod = reach.set_status(pod, _running(pod, node, now))
        return _finish(reach, pod, self._machines.ending(pod, node))


class EmbeddedKubelets(Controller):
    """The same as a controller of the embedded API."""

    keys = frozenset({"pods", "nodes"})

    def __init__(self, machines: Machines) -> None:
        self._kubelets = Kubelets(machines)

    def run(self, objects: Objects) -> float | None:
        return self._kubelets.work(_Within(objects))


class _Within:
    """`Reach` inside of the embedded API."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def now(self) -> float:
        return self._objects.now()

    def nodes(self) -> Iterable[Json]:
        return self._objects.store.table("nodes").values()

    def pods(self) -> Iterable[Json]:
        return self._objects.store.table("pods").values()

    def set_status(self, pod: Json, status: Json) -> Json:
        return self._objects.store.put("pods", {**pod, "status": status})

    def end(self, pod: Json) -> None:
        remove(self._objects, "pods", pod, NOW)

    def tell(self, pod: Json, reason: str, message: str, *, field: str, host: str) -> None:
        events.record(self._objects, pod, reason, message, component="kubelet", field=field, host=host)


def _stop(reach: Reach, pod: Json) -> float | None:
    meta = pod["metadata"]
    grace = float(meta.get("deletionGracePeriodSeconds", 0))
    takes = float((meta.get("annotations") or {}).get(STOPPING_SECONDS, STOP_SECONDS))
    due = seconds(meta["deletionTimestamp"]) - grace + min(grace, takes)
    if reach.now() < due:
        return due
    if meta.get("deletionGracePeriodSeconds") or not meta.get("finalizers"):
        reach.end(pod)
    return None


def _finish(reach: Reach, pod: Json, ending: Ending) -> float | None:
    """End a pod that has done its work; pods that always restart never do."""
    if pod["spec"].get("restartPolicy") == "Always":
        return None
    lasts = _lasts(pod, ending)
    states = (status["state"] for status in pod["status"].get("containerStatuses") or ())
    started = next((state["running"]["startedAt"] for state in states if "running" in state), None)
    if lasts is None or started is None:
        return None
    due = seconds(started) + lasts
    if reach.now() < due:
        return due
    if ending.well or pod["spec"].get("restartPolicy") == "Never":
        reach.set_status(pod, _ended(pod, started, reach.now(), ending))
        return None
    reach.set_status(pod, _restarted(pod, started, reach.now(), ending))
    return reach.now() + lasts


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
