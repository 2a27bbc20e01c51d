"""Nodes: taints that follow from their state, and what becomes of pods on lost ones.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
"""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.clock import seconds, timestamp
from localcloud.kubernetes.controllers.controller import NOW, Controller, earliest, is_terminating, remove
from localcloud.kubernetes.controllers.fitting import UNSCHEDULABLE, tolerates
from localcloud.kubernetes.controllers.kubelets import is_ready_node
from localcloud.kubernetes.defaults import NOT_READY, UNREACHABLE
from localcloud.kubernetes.eviction import is_finished, is_ready
from localcloud.kubernetes.objects import Objects, Options
from localcloud.kubernetes.subresources import set_condition

Json = dict[str, Any]

_OURS = {NOT_READY, UNREACHABLE, UNSCHEDULABLE}


class Nodes(Controller):
    """Taints cordoned and unready nodes, evicts by NoExecute, collects the pods of nodes that are gone."""

    keys = frozenset({"nodes", "pods"})

    def run(self, objects: Objects) -> float | None:
        for node in list(objects.store.table("nodes").values()):
            _taint(objects, node)
        nodes = {node["metadata"]["name"]: node for node in objects.store.table("nodes").values()}
        due: list[float | None] = []
        for pod in list(objects.store.table("pods").values()):
            name = pod["spec"].get("nodeName")
            if not name:
                continue
            if name not in nodes:
                remove(objects, "pods", pod, NOW)
            elif not is_finished(pod):
                due.append(_keep_or_evict(objects, pod, nodes[name]))
        return earliest(due)


def _wanted(node: Json) -> list[tuple[str, str]]:
    wanted = [(UNSCHEDULABLE, "NoSchedule")] if (node.get("spec") or {}).get("unschedulable") else []
    conditions = {c["type"]: c["status"] for c in (node.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready", "False")
    if ready != "True":
        key = UNREACHABLE if ready == "Unknown" else NOT_READY
        wanted += [(key, "NoSchedule"), (key, "NoExecute")]
    return wanted


def _taint(objects: Objects, node: Json) -> None:
    spec = node.get("spec") or {}
    taints, wanted = list(spec.get("taints") or ()), _wanted(node)
    present = [(taint["key"], taint["effect"]) for taint in taints]
    kept = [t for t in taints if t["key"] not in _OURS or (t["key"], t["effect"]) in wanted]
    added = [
        {"key": key, "effect": effect, "timeAdded": timestamp(objects.now())}
        for key, effect in wanted
        if (key, effect) not in present
    ]
    if added or kept != taints:
        changed = {**spec, "taints": [*kept, *added]}
        objects.change(objects.kinds.named("nodes"), node, {**node, "spec": changed}, Options())


def _keep_or_evict(objects: Objects, pod: Json, node: Json) -> float | None:
    """Mark a pod on an unready node, and delete it once its tolerations have run out."""
    if not is_ready_node(node) and is_ready(pod):
        status = dict(pod["status"])
        set_condition(status, {
            "type": "Ready", "status": "False", "lastProbeTime": None, "lastTransitionTime": timestamp(objects.now()),
        })  # fmt: skip
        pod = objects.store.put("pods", {**pod, "status": status})
    elif is_ready_node(node) and _was_marked(pod):
        status = dict(pod["status"])
        set_condition(status, {
            "type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": timestamp(objects.now()),
        })  # fmt: skip
        pod = objects.store.put("pods", {**pod, "status": status})
    if is_terminating(pod):
        return None
    limit = earliest(_leave_at(pod, taint) for taint in (node.get("spec") or {}).get("taints") or ())
    if limit is None or objects.now() < limit:
        return limit
    remove(objects, "pods", pod)
    return None


def _was_marked(pod: Json) -> bool:
    """A running pod whose containers are ready and which is not: its node was away."""
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    return (conditions.get("ContainersReady"), conditions.get("Ready")) == ("True", "False")


def _leave_at(pod: Json, taint: Json) -> float | None:
    """When a NoExecute taint drives a pod away; None when never."""
    if taint["effect"] != "NoExecute":
        return None
    bearing = [t for t in pod["spec"].get("tolerations") or () if tolerates([t], taint)]
    since = seconds(taint["timeAdded"]) if taint.get("timeAdded") else 0.0
    if not bearing:
        return since
    limits = [t["tolerationSeconds"] for t in bearing if t.get("tolerationSeconds") is not None]
    return since + min(limits) if len(limits) == len(bearing) else None
