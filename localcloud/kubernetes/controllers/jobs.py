"""Jobs: pods until enough of them succeeded.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.clock import seconds, timestamp
from localcloud.kubernetes.controllers.controller import (
    Controller,
    earliest,
    from_template,
    is_terminating,
    owned,
    remove,
    set_status,
)
from localcloud.kubernetes.controllers.kubelets import RUN_SECONDS
from localcloud.kubernetes.eviction import is_finished, is_ready
from localcloud.kubernetes.objects import Deletion, Objects
from localcloud.kubernetes.subresources import set_condition

Json = dict[str, Any]

KEY = "jobs.batch"


class Jobs(Controller):
    keys = frozenset({KEY, "pods"})

    def run(self, objects: Objects) -> float | None:
        pods = owned(objects, "pods")
        jobs = [job for job in objects.store.table(KEY).values() if not is_terminating(job)]
        return earliest([_reconcile(objects, job, pods.get(job["metadata"]["uid"], [])) for job in jobs])


def _ended(job: Json) -> str | None:
    """When a job ended, if it did."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return str(condition["lastTransitionTime"])
    return None


def _reconcile(objects: Objects, job: Json, pods: list[Json]) -> float | None:
    if ended := _ended(job):
        return _expire(objects, job, ended)
    spec, now = job["spec"], objects.now()
    status = {**(job.get("status") or {})}
    active = [p for p in pods if not is_finished(p) and not is_terminating(p)]
    succeeded = sum(p["status"]["phase"] == "Succeeded" for p in pods)
    failed = sum(p["status"]["phase"] == "Failed" for p in pods)
    if spec.get("suspend"):
        for pod in active:
            remove(objects, "pods", pod)
        set_condition(status, _condition("Suspended", now, "JobSuspended", "Job suspended"))
        _write(objects, job, status, active=[], succeeded=succeeded, failed=failed)
        return None
    status.setdefault("startTime", timestamp(now))
    deadline = _deadline(job, status)
    if succeeded >= (spec.get("completions") or 1) and (spec.get("completions") or not active):
        _complete(status, now)
    elif failed > spec["backoffLimit"] or _restarted_too_often(spec, active):
        _fail(objects, status, active, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        active = []
    elif deadline is not None and now >= deadline:
        _fail(objects, status, active, "DeadlineExceeded", "Job was active longer than specified deadline")
        active = []
    else:
        active = _fill(objects, job, active, succeeded)
    _write(objects, job, status, active=active, succeeded=succeeded, failed=failed)
    return deadline if _ended({"status": status}) is None else _expire_at(job, timestamp(now))


def _condition(kind: str, now: float, reason: str, message: str) -> Json:
    at = timestamp(now)
    return {
        "type": kind, "status": "True", "reason": reason, "message": message, "lastProbeTime": at,
        "lastTransitionTime": at,
    }  # fmt: skip


def _deadline(job: Json, status: Json) -> float | None:
    limit = job["spec"].get("activeDeadlineSeconds")
    return seconds(status["startTime"]) + limit if limit is not None else None


def _restarted_too_often(spec: Json, active: list[Json]) -> bool:
    """Restarts within pods count too where they restart (pastBackoffLimitOnFailure of the job controller)."""
    if spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    found = (each["restartCount"] for pod in active for each in pod["status"].get("containerStatuses") or ())
    restarts, limit = sum(found), spec["backoffLimit"]
    return bool(restarts >= limit) if limit else restarts > 0


def _complete(status: Json, now: float) -> None:
    text = "Reached expected number of succeeded pods"
    set_condition(status, _condition("SuccessCriteriaMet", now, "CompletionsReached", text))
    set_condition(status, _condition("Complete", now, "CompletionsReached", text))
    status["completionTime"] = timestamp(now)


def _fail(objects: Objects, status: Json, active: list[Json], reason: str, message: str) -> None:
    for pod in active:
        remove(objects, "pods", pod)
    set_condition(status, _condition("Failed", objects.now(), reason, message))


def _fill(objects: Objects, job: Json, active: list[Json], succeeded: int) -> list[Json]:
    spec, meta = job["spec"], job["metadata"]
    left = spec["completions"] - succeeded if spec.get("completions") is not None else spec["parallelism"]
    active = list(active)
    while len(active) < min(spec["parallelism"], left):
        body = from_template(job, spec["template"])
        if lasts := (meta.get("annotations") or {}).get(RUN_SECONDS):
            body["metadata"].setdefault("annotations", {}).setdefault(RUN_SECONDS, lasts)
        active.append(objects.create(objects.kinds.named("pods"), meta["namespace"], body))
    return active


def _write(objects: Objects, job: Json, status: Json, *, active: list[Json], succeeded: int, failed: int) -> None:
    counts = {"active": len(active), "succeeded": succeeded, "failed": failed}
    for name, count in counts.items():
        status.pop(name, None)
        if count:
            status[name] = count
    status["ready"] = sum(is_ready(pod) for pod in active)
    status.setdefault("terminating", 0)
    status.setdefault("uncountedTerminatedPods", {})
    set_status(objects, KEY, job, status)


def _expire_at(job: Json, ended: str) -> float | None:
    kept = job["spec"].get("ttlSecondsAfterFinished")
    return seconds(ended) + kept if kept is not None else None


def _expire(objects: Objects, job: Json, ended: str) -> float | None:
    due = _expire_at(job, ended)
    if due is not None and objects.now() >= due:
        remove(objects, KEY, job, Deletion(propagation="Background"))
        return None
    return due
