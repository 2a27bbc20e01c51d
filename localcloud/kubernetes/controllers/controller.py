"""What every controller is, and what several of them need."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

from localcloud.kubernetes.objects import Deletion, Objects, Options
from localcloud.kubernetes.store import Change

Json = dict[str, Any]

STATUS = Options(subresource="status")
GRACEFULLY = Deletion()
NOW = Deletion(grace=0)


class Controller:
    """Brings one thing of the cluster to what its objects ask for. `run` reads all it needs: it keeps no state."""

    keys: frozenset[str] = frozenset()

    def cares(self, change: Change) -> bool:
        """Whether a change may give this controller something to do."""
        return change.key in self.keys

    def run(self, objects: Objects) -> float | None:
        """Do what is due; returns when time alone makes more of it due (epoch seconds), or None."""
        raise NotImplementedError


def earliest(times: Iterable[float | None]) -> float | None:
    """The first of some times, where None is never."""
    return min((time for time in times if time is not None), default=None)


def owner(obj: Json) -> Json | None:
    """The reference to the controller that owns an object."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def owned(objects: Objects, key: str) -> dict[str, list[Json]]:
    """Objects of a kind by the uid of the controller that owns them."""
    found: dict[str, list[Json]] = {}
    for obj in objects.store.table(key).values():
        if reference := owner(obj):
            found.setdefault(reference["uid"], []).append(obj)
    return found


def reference_to(obj: Json) -> Json:
    """The owner reference that makes `obj` the controller of something."""
    meta = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def is_terminating(obj: Json) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def from_template(parent: Json, template: Json, *, labels: Json | None = None) -> Json:
    """A pod of a workload's template, named by the server."""
    given = copy.deepcopy(template.get("metadata") or {})
    meta: Json = {
        "generateName": parent["metadata"]["name"] + "-", "namespace": parent["metadata"]["namespace"],
        "labels": {**(given.get("labels") or {}), **(labels or {})}, "ownerReferences": [reference_to(parent)],
    }  # fmt: skip
    if given.get("annotations"):
        meta["annotations"] = given["annotations"]
    return {"metadata": meta, "spec": copy.deepcopy(template.get("spec") or {})}


def template_hash(template: Json) -> str:
    """A short name of a template's content."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def portion(value: Any, total: int, *, up: bool) -> int:
    """A count from an int-or-percentage such as maxUnavailable."""
    if isinstance(value, str) and value.endswith("%"):
        exact = total * float(value[:-1]) / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(value)


def set_status(objects: Objects, key: str, obj: Json, status: Json) -> None:
    """Write a status when it differs."""
    if obj.get("status") != status:
        kind = objects.kinds.named(key)
        objects.change(kind, obj, {**obj, "status": status}, STATUS)


def remove(objects: Objects, key: str, obj: Json, deletion: Deletion = GRACEFULLY) -> None:
    """Delete an object that a controller no longer wants."""
    meta = obj["metadata"]
    objects.delete(objects.kinds.named(key), meta.get("namespace", ""), meta["name"], deletion)
