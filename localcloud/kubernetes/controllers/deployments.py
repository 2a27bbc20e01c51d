"""Deployments: one replica set a template, rolled within maxSurge and maxUnavailable.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

from __future__ import annotations

import copy
from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.controllers.controller import (
    Controller,
    is_terminating,
    owned,
    portion,
    reference_to,
    remove,
    set_status,
    template_hash,
)
from localcloud.kubernetes.controllers.replicasets import KEY as REPLICA_SETS
from localcloud.kubernetes.objects import Objects, Options
from localcloud.kubernetes.subresources import set_condition

Json = dict[str, Any]

KEY = "deployments.apps"
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


class Deployments(Controller):
    keys = frozenset({KEY, REPLICA_SETS})

    def run(self, objects: Objects) -> float | None:
        sets = owned(objects, REPLICA_SETS)
        for deployment in list(objects.store.table(KEY).values()):
            if not is_terminating(deployment):
                _reconcile(objects, deployment, sets.get(deployment["metadata"]["uid"], []))
        return None


def _reconcile(objects: Objects, deployment: Json, sets: list[Json]) -> None:
    name = f"{deployment['metadata']['name']}-{template_hash(deployment['spec']['template'])}"
    new = next((s for s in sets if s["metadata"]["name"] == name), None)
    old = [s for s in sets if s["metadata"]["name"] != name]
    if deployment["spec"].get("paused"):
        if new is not None:
            new = _scale(objects, new, deployment["spec"]["replicas"] - _total(old))
        _report(objects, deployment, new, old)
        return
    if new is None:
        new = _create(objects, deployment, name, old)
    deployment = _note_revision(objects, deployment, new, old)
    new = objects.get(objects.kinds.named(REPLICA_SETS), new["metadata"]["namespace"], name)
    if deployment["spec"]["strategy"]["type"] == "Recreate":
        new, old = _recreate(objects, deployment, new, old)
    else:
        new, old = _roll(objects, deployment, new, old)
    _report(objects, deployment, new, old)
    _forget(objects, deployment, old)


def _total(sets: list[Json], of: str = "") -> int:
    return sum((s.get("status") or {}).get(of, 0) if of else s["spec"]["replicas"] for s in sets)


def _revision(obj: Json) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def _create(objects: Objects, deployment: Json, name: str, old: list[Json]) -> Json:
    spec, meta = deployment["spec"], deployment["metadata"]
    own = {HASH: name.rpartition("-")[2]}
    template = copy.deepcopy(spec["template"])
    labels = {**(template.get("metadata") or {}).get("labels", {}), **own}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = copy.deepcopy(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **own}
    body = {
        "metadata": {
            "name": name, "labels": labels, "ownerReferences": [reference_to(deployment)],
            "annotations": {REVISION: str(max(map(_revision, old), default=0) + 1)},
        },
        "spec": {"replicas": 0 if old else spec["replicas"], "selector": selector, "template": template},
    }  # fmt: skip
    return objects.create(objects.kinds.named(REPLICA_SETS), meta["namespace"], body)


def _note_revision(objects: Objects, deployment: Json, new: Json, old: list[Json]) -> Json:
    """Going back to an older template makes it the newest revision."""
    newest = max(map(_revision, old), default=0)
    if _revision(new) <= newest:
        new = _annotate(objects, REPLICA_SETS, new, str(newest + 1))
    if _revision(deployment) != _revision(new):
        return _annotate(objects, KEY, deployment, str(_revision(new)))
    return deployment


def _annotate(objects: Objects, key: str, obj: Json, revision: str) -> Json:
    annotations = {**(obj["metadata"].get("annotations") or {}), REVISION: revision}
    changed = {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
    return objects.change(objects.kinds.named(key), obj, changed, Options())


def _scale(objects: Objects, replica_set: Json, replicas: int) -> Json:
    changed = {**replica_set, "spec": {**replica_set["spec"], "replicas": max(0, replicas)}}
    return objects.change(objects.kinds.named(REPLICA_SETS), replica_set, changed, Options())


def _recreate(objects: Objects, deployment: Json, new: Json, old: list[Json]) -> tuple[Json, list[Json]]:
    old = [_scale(objects, replica_set, 0) for replica_set in old]
    if not _total(old, "replicas"):
        new = _scale(objects, new, deployment["spec"]["replicas"])
    return new, old


def _roll(objects: Objects, deployment: Json, new: Json, old: list[Json]) -> tuple[Json, list[Json]]:
    desired, limits = deployment["spec"]["replicas"], deployment["spec"]["strategy"].get("rollingUpdate") or {}
    surge = portion(limits.get("maxSurge", "25%"), desired, up=True)
    unavailable = portion(limits.get("maxUnavailable", "25%"), desired, up=False)
    if not surge and not unavailable:
        unavailable = 1
    room = desired + surge - _total(old) - new["spec"]["replicas"]
    if new["spec"]["replicas"] > desired:
        new = _scale(objects, new, desired)
    elif room > 0:
        new = _scale(objects, new, min(desired, new["spec"]["replicas"] + room))
    least = desired - unavailable
    starting = new["spec"]["replicas"] - _total([new], "availableReplicas")
    spare = _total(old) + new["spec"]["replicas"] - least - starting
    shrunk = []
    for replica_set in sorted(old, key=_revision):
        leave = min(max(spare, 0), replica_set["spec"]["replicas"])
        spare -= leave
        shrunk.append(_scale(objects, replica_set, replica_set["spec"]["replicas"] - leave) if leave else replica_set)
    return new, shrunk


def _report(objects: Objects, deployment: Json, new: Json | None, old: list[Json]) -> None:
    sets = [*old, *([new] if new else [])]
    desired, now = deployment["spec"]["replicas"], timestamp(objects.now())
    available, updated = _total(sets, "availableReplicas"), _total([new] if new else [], "replicas")
    counts = {
        "replicas": _total(sets, "replicas"), "updatedReplicas": updated,
        "readyReplicas": _total(sets, "readyReplicas"), "availableReplicas": available,
        "unavailableReplicas": max(0, desired - available),
    }  # fmt: skip
    status: Json = {"observedGeneration": deployment["metadata"]["generation"]}
    status |= {name: count for name, count in counts.items() if count}
    status["conditions"] = (deployment.get("status") or {}).get("conditions") or []
    limits = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    is_enough = available >= desired - portion(limits.get("maxUnavailable", 0), desired, up=False)
    words = ("has minimum availability.", "does not have minimum availability.")
    _condition(
        status, "Available", is_enough, now,
        reason="MinimumReplicasAvailable" if is_enough else "MinimumReplicasUnavailable",
        message=f"Deployment {words[0 if is_enough else 1]}",
    )  # fmt: skip
    is_done = updated >= desired and available >= desired and counts["replicas"] == updated
    verb = "has successfully progressed." if is_done else "is progressing."
    name = new["metadata"]["name"] if new else ""
    _condition(
        status, "Progressing", True, now,
        reason="NewReplicaSetAvailable" if is_done else "ReplicaSetUpdated", message=f'ReplicaSet "{name}" {verb}',
    )  # fmt: skip
    set_status(objects, KEY, deployment, status)


def _condition(status: Json, kind: str, holds: bool, now: str, *, reason: str, message: str) -> None:
    old = next((c for c in status["conditions"] if c["type"] == kind), None)
    word = "True" if holds else "False"
    is_same = old is not None and (old["status"], old["reason"]) == (word, reason)
    set_condition(status, {
        "type": kind, "status": word, "reason": reason, "message": message, "lastTransitionTime": now,
        "lastUpdateTime": old["lastUpdateTime"] if is_same and old else now,
    })  # fmt: skip


def _forget(objects: Objects, deployment: Json, old: list[Json]) -> None:
    """Keep no more empty replica sets than revisionHistoryLimit."""
    empty = [s for s in sorted(old, key=_revision) if not s["spec"]["replicas"] and not _total([s], "replicas")]
    surplus = len(empty) - deployment["spec"].get("revisionHistoryLimit", 10)
    for replica_set in empty[: max(0, surplus)]:
        remove(objects, REPLICA_SETS, replica_set)
