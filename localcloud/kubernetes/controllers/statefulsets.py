"""StatefulSets: pods with ordinals, one after the other. Volumes and rolling updates are left out."""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.controllers.controller import (
    Controller,
    from_template,
    is_terminating,
    owned,
    remove,
    set_status,
    template_hash,
)
from localcloud.kubernetes.eviction import is_ready
from localcloud.kubernetes.objects import Objects

Json = dict[str, Any]

KEY = "statefulsets.apps"


class StatefulSets(Controller):
    keys = frozenset({KEY, "pods"})

    def run(self, objects: Objects) -> float | None:
        pods = owned(objects, "pods")
        for stateful_set in list(objects.store.table(KEY).values()):
            mine = {pod["metadata"]["name"]: pod for pod in pods.get(stateful_set["metadata"]["uid"], ())}
            if not is_terminating(stateful_set):
                _scale(objects, stateful_set, mine)
            set_status(objects, KEY, stateful_set, _status(stateful_set, list(mine.values())))
        return None


def _scale(objects: Objects, stateful_set: Json, mine: dict[str, Json]) -> None:
    meta, spec = stateful_set["metadata"], stateful_set["spec"]
    names = [f"{meta['name']}-{ordinal}" for ordinal in range(spec["replicas"])]
    for ordinal, name in enumerate(names):
        if name not in mine:
            label = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
            body = from_template(stateful_set, spec["template"], labels=label)
            body["metadata"]["name"] = name
            mine[name] = objects.create(objects.kinds.named("pods"), meta["namespace"], body)
        if spec["podManagementPolicy"] == "OrderedReady" and not is_ready(mine[name]):
            break
    for name in sorted(set(mine) - set(names), reverse=True)[:1]:
        if not is_terminating(mine[name]):
            remove(objects, "pods", mine[name])


def _status(stateful_set: Json, pods: list[Json]) -> Json:
    ready = sum(is_ready(pod) for pod in pods)
    revision = f"{stateful_set['metadata']['name']}-{template_hash(stateful_set['spec']['template'])}"
    return {
        "observedGeneration": stateful_set["metadata"]["generation"], "replicas": len(pods), "readyReplicas": ready,
        "availableReplicas": ready, "currentReplicas": len(pods), "updatedReplicas": len(pods),
        "currentRevision": revision, "updateRevision": revision, "collisionCount": 0,
    }  # fmt: skip
