"""The eviction subresource: a pod leaves unless a disruption budget forbids it.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ and
https://kubernetes.io/docs/tasks/run-application/configure-pdb/ (a budget protects healthy pods; a pod that is not
Ready may go when enough others are healthy, or always under AlwaysAllow).
"""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.errors import ApiError
from localcloud.kubernetes.objects import Deletion, Objects, Options
from localcloud.kubernetes.selectors import selects

Json = dict[str, Any]


def is_ready(pod: Json) -> bool:
    """Whether a pod counts as healthy."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def is_finished(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def evict(objects: Objects, pod: Json, deletion: Deletion) -> Json:
    """Delete a pod within its budgets; 429 with the cause DisruptionBudget when one forbids."""
    meta = pod["metadata"]
    phase = (pod.get("status") or {}).get("phase")
    budgets = [] if is_finished(pod) or phase == "Pending" or "deletionTimestamp" in meta else _budgets(objects, pod)
    if len(budgets) > 1:
        message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "InternalError", message, details={})
    for budget in budgets:
        _spend(objects, pod, budget, dry_run=deletion.dry_run)
    objects.delete(objects.kinds.named("pods"), meta["namespace"], meta["name"], deletion)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _budgets(objects: Objects, pod: Json) -> list[Json]:
    budgets = objects.select(objects.kinds.named("poddisruptionbudgets.policy"), pod["metadata"]["namespace"])
    labels = pod["metadata"].get("labels") or {}
    return [b for b in budgets if selects((b.get("spec") or {}).get("selector"), labels)]


def _spend(objects: Objects, pod: Json, budget: Json, *, dry_run: bool) -> None:
    """Take one disruption from the budget, or refuse."""
    name, status = budget["metadata"]["name"], budget.get("status") or {}
    if not is_ready(pod):
        always = (budget["spec"].get("unhealthyPodEvictionPolicy")) == "AlwaysAllow"
        if always or (status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0):
            return
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
        _refuse(name, f"The disruption budget {name} is still being processed by the server.", retry_after=10)
    if status.get("disruptionsAllowed", 0) <= 0:
        needed, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        _refuse(name, f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently")
    disrupted = {**(status.get("disruptedPods") or {}), pod["metadata"]["name"]: timestamp(objects.now())}
    allowed = status["disruptionsAllowed"] - 1
    spent = {**budget, "status": {**status, "disruptionsAllowed": allowed, "disruptedPods": disrupted}}
    kind = objects.kinds.named("poddisruptionbudgets.policy")
    objects.change(kind, budget, spent, Options(subresource="status", dry_run=dry_run))


def _refuse(name: str, message: str, *, retry_after: int = 0) -> None:
    causes = [{"reason": "DisruptionBudget", "message": message}]
    raise ApiError(
        429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.",
        details={"causes": causes, **({"retryAfterSeconds": retry_after} if retry_after else {})},
        retry_after=retry_after or None,
    )  # fmt: skip
