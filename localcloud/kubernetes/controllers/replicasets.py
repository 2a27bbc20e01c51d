"""ReplicaSets: as many pods as asked for."""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.controllers.controller import (
    Controller,
    from_template,
    is_terminating,
    owned,
    remove,
    set_status,
)
from localcloud.kubernetes.eviction import is_finished, is_ready
from localcloud.kubernetes.objects import Objects

Json = dict[str, Any]

KEY = "replicasets.apps"


class ReplicaSets(Controller):
    keys = frozenset({KEY, "pods"})

    def run(self, objects: Objects) -> float | None:
        pods = owned(objects, "pods")
        for replica_set in list(objects.store.table(KEY).values()):
            mine = [p for p in pods.get(replica_set["metadata"]["uid"], ()) if not is_terminating(p)]
            active = [pod for pod in mine if not is_finished(pod)]
            if not is_terminating(replica_set):
                active = _scale(objects, replica_set, active)
            set_status(objects, KEY, replica_set, _status(replica_set, active))
        return None


def _scale(objects: Objects, replica_set: Json, active: list[Json]) -> list[Json]:
    spec = replica_set["spec"]
    surplus = len(active) - spec["replicas"]
    for _ in range(-surplus):
        body = from_template(replica_set, spec["template"])
        namespace = replica_set["metadata"]["namespace"]
        active.append(objects.create(objects.kinds.named("pods"), namespace, body))
    if surplus > 0:
        active.sort(key=_worth)
        for pod in active[:surplus]:
            remove(objects, "pods", pod)
        active = active[surplus:]
    return active


def _worth(pod: Json) -> tuple[bool, bool, int]:
    """Those that go first are unassigned, then not ready, then young."""
    return bool(pod["spec"].get("nodeName")), is_ready(pod), -int(pod["metadata"]["resourceVersion"])


def _status(replica_set: Json, active: list[Json]) -> Json:
    ready = sum(is_ready(pod) for pod in active)
    status: Json = {"replicas": len(active), "observedGeneration": replica_set["metadata"].get("generation", 1)}
    counts = {"fullyLabeledReplicas": len(active), "readyReplicas": ready, "availableReplicas": ready}
    return {**status, **{name: count for name, count in counts.items() if count}}
