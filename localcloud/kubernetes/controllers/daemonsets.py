"""DaemonSets: one pod on every node that their pods may run on.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
"""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.controllers.controller import (
    Controller,
    from_template,
    is_terminating,
    owned,
    portion,
    remove,
    set_status,
    template_hash,
)
from localcloud.kubernetes.controllers.fitting import matches, untolerated
from localcloud.kubernetes.eviction import is_finished, is_ready
from localcloud.kubernetes.objects import Objects

Json = dict[str, Any]

KEY = "daemonsets.apps"
HASH = "controller-revision-hash"

# What daemon pods bear without being told.
_TOLERATIONS = [
    *({"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": "NoExecute"}
      for name in ("not-ready", "unreachable")),
    *({"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": "NoSchedule"}
      for name in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")),
]  # fmt: skip


class DaemonSets(Controller):
    keys = frozenset({KEY, "nodes", "pods"})

    def run(self, objects: Objects) -> float | None:
        pods = owned(objects, "pods")
        for daemon_set in list(objects.store.table(KEY).values()):
            _reconcile(objects, daemon_set, pods.get(daemon_set["metadata"]["uid"], []))
        return None


def _home(pod: Json) -> str:
    """The node a daemon pod is meant for, bound or not."""
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])


def _body(daemon_set: Json, node: str, revision: str) -> Json:
    body = from_template(daemon_set, daemon_set["spec"]["template"], labels={HASH: revision})
    spec = body["spec"]
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = _selected_terms(spec) or [{}]
    pinned = [{**term, "matchFields": [field]} for term in terms]
    needed = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": pinned}}
    spec["affinity"] = {**(spec.get("affinity") or {}), "nodeAffinity": needed}
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *_TOLERATIONS]
    return body


def _selected_terms(spec: Json) -> list[Json]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    needed = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return list(needed.get("nodeSelectorTerms") or ())


def _reconcile(objects: Objects, daemon_set: Json, pods: list[Json]) -> None:
    revision = template_hash(daemon_set["spec"]["template"])
    wanted = set()
    for node in objects.store.table("nodes").values():
        name = node["metadata"]["name"]
        body = _body(daemon_set, name, revision)
        if matches(body, node) and not untolerated(body, node):
            wanted.add(name)
    current = {_home(pod): pod for pod in pods if not is_terminating(pod) and not is_finished(pod)}
    if not is_terminating(daemon_set):
        _place(objects, daemon_set, revision=revision, wanted=wanted, current=current, pods=pods)
    set_status(objects, KEY, daemon_set, _status(daemon_set, revision, wanted, current))


def _place(
    objects: Objects, daemon_set: Json, *, revision: str, wanted: set[str], current: dict[str, Json], pods: list[Json]
) -> None:
    """Create, remove and replace pods; `current` follows."""
    leaving = {_home(pod) for pod in pods if is_terminating(pod)}
    for name in set(current) - wanted:
        remove(objects, "pods", current.pop(name))
    namespace, kind = daemon_set["metadata"]["namespace"], objects.kinds.named("pods")
    for name in sorted(wanted - set(current) - leaving):
        current[name] = objects.create(kind, namespace, _body(daemon_set, name, revision))
    strategy = daemon_set["spec"]["updateStrategy"]
    if strategy["type"] != "RollingUpdate":
        return
    most = portion((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), len(wanted), up=True)
    away = len(wanted) - sum(is_ready(pod) for pod in current.values())
    for name in sorted(current):
        if current[name]["metadata"]["labels"].get(HASH) != revision and (away < most or not is_ready(current[name])):
            away += is_ready(current[name])
            remove(objects, "pods", current.pop(name))


def _status(daemon_set: Json, revision: str, wanted: set[str], current: dict[str, Json]) -> Json:
    here = [pod for name, pod in current.items() if name in wanted]
    ready = sum(is_ready(pod) for pod in here)
    status: Json = {
        "currentNumberScheduled": len(here), "numberMisscheduled": len(current) - len(here),
        "desiredNumberScheduled": len(wanted), "numberReady": ready,
        "observedGeneration": daemon_set["metadata"]["generation"],
    }  # fmt: skip
    updated = sum(pod["metadata"]["labels"].get(HASH) == revision for pod in here)
    counts = {"updatedNumberScheduled": updated, "numberAvailable": ready, "numberUnavailable": len(wanted) - ready}
    return {**status, **{name: count for name, count in counts.items() if count}}
