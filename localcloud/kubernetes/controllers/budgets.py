"""Disruption budgets: how many pods may go just now.

Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
"""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.clock import seconds, timestamp
from localcloud.kubernetes.controllers.controller import (
    Controller,
    earliest,
    is_terminating,
    owner,
    portion,
    set_status,
)
from localcloud.kubernetes.eviction import is_finished, is_ready
from localcloud.kubernetes.objects import Objects
from localcloud.kubernetes.selectors import selects
from localcloud.kubernetes.subresources import set_condition

Json = dict[str, Any]

KEY = "poddisruptionbudgets.policy"
DISRUPTION_SECONDS = 120.0  # after which an eviction that took no pod is forgotten

_SCALES = {"ReplicaSet": "replicasets.apps", "StatefulSet": "statefulsets.apps"}


class Budgets(Controller):
    keys = frozenset({KEY, "pods", "replicasets.apps", "statefulsets.apps"})

    def run(self, objects: Objects) -> float | None:
        return earliest([_reconcile(objects, budget) for budget in list(objects.store.table(KEY).values())])


def _reconcile(objects: Objects, budget: Json) -> float | None:
    spec, meta = budget["spec"], budget["metadata"]
    pods = [
        pod
        for pod in objects.store.table("pods").values()
        if pod["metadata"]["namespace"] == meta["namespace"]
        and selects(spec.get("selector"), pod["metadata"].get("labels") or {})
        and not is_finished(pod)
    ]
    disrupted = _still_disrupted(objects, budget, pods)
    healthy = sum(is_ready(p) and not is_terminating(p) and p["metadata"]["name"] not in disrupted for p in pods)
    expected, desired = _expectation(objects, spec, pods)
    allowed = max(0, healthy - desired) if expected else 0
    status: Json = {
        "observedGeneration": meta["generation"], "disruptionsAllowed": allowed, "currentHealthy": healthy,
        "desiredHealthy": desired, "expectedPods": expected,
        "conditions": (budget.get("status") or {}).get("conditions") or [],
    }  # fmt: skip
    if disrupted:
        status["disruptedPods"] = disrupted
    set_condition(status, {
        "type": "DisruptionAllowed", "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods", "message": "",
        "observedGeneration": meta["generation"], "lastTransitionTime": timestamp(objects.now()),
    })  # fmt: skip
    set_status(objects, KEY, budget, status)
    return earliest([seconds(at) + DISRUPTION_SECONDS for at in disrupted.values()])


def _still_disrupted(objects: Objects, budget: Json, pods: list[Json]) -> dict[str, str]:
    """Evictions that were granted and whose pods are not on their way yet."""
    present = {pod["metadata"]["name"] for pod in pods if not is_terminating(pod)}
    noted = (budget.get("status") or {}).get("disruptedPods") or {}
    now = objects.now()
    return {n: at for n, at in noted.items() if n in present and now < seconds(at) + DISRUPTION_SECONDS}


def _expectation(objects: Objects, spec: Json, pods: list[Json]) -> tuple[int, int]:
    """How many pods there should be, and how many of them must be healthy."""
    if spec.get("maxUnavailable") is not None:
        expected = _scale(objects, pods)
        return expected, max(0, expected - portion(spec["maxUnavailable"], expected, up=True))
    least = spec.get("minAvailable", 1)
    if isinstance(least, int):
        return len(pods), least
    expected = _scale(objects, pods)
    return expected, portion(least, expected, up=True)


def _scale(objects: Objects, pods: list[Json]) -> int:
    """The replicas that the pods' controllers were asked for; pods of nobody count as they are."""
    total, seen = 0, set()
    for pod in pods:
        reference = owner(pod)
        key = _SCALES.get(reference["kind"]) if reference else None
        where = f"{pod['metadata']['namespace']}/{reference['name']}" if reference else ""
        found = objects.store.get(key, where) if key else None
        if found is None:
            total += 1
        elif found["metadata"]["uid"] not in seen:
            seen.add(found["metadata"]["uid"])
            total += found["spec"]["replicas"]
    return total
