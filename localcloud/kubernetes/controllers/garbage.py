"""Garbage collection: dependents go with their owners, and old events with time.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.kubernetes.clock import seconds
from localcloud.kubernetes.controllers.controller import Controller, earliest, is_terminating, remove
from localcloud.kubernetes.controllers.events import KEPT_SECONDS
from localcloud.kubernetes.kinds import Kind
from localcloud.kubernetes.objects import Deletion, Objects, Options
from localcloud.kubernetes.store import Change

Json = dict[str, Any]


class Garbage(Controller):
    """Deletes objects whose owners are all gone; finishes foreground and orphaning deletions."""

    def cares(self, change: Change) -> bool:
        meta = change.object["metadata"]
        is_new_dependent = change.type == "ADDED" and bool(meta.get("ownerReferences"))
        is_first_event = change.type == "ADDED" and change.key == "events"
        return change.type == "DELETED" or bool(meta.get("finalizers")) or is_new_dependent or is_first_event

    def run(self, objects: Objects) -> float | None:
        kinds = _stored(objects)
        alive = {o["metadata"]["uid"] for kind in kinds for o in objects.store.table(kind.key).values()}
        for kind in kinds:
            for obj in list(objects.store.table(kind.key).values()):
                if is_terminating(obj) and obj["metadata"].get("finalizers"):
                    _finish(objects, kinds, kind, obj)
                references = obj["metadata"].get("ownerReferences")
                if references and not is_terminating(obj) and not any(r["uid"] in alive for r in references):
                    remove(objects, kind.key, obj)
        return _expire_events(objects)


def _stored(objects: Objects) -> list[Kind]:
    """One kind a table."""
    return list({kind.key: kind for kind in objects.kinds.every() if "list" in kind.verbs}.values())


def _dependents(objects: Objects, kinds: list[Kind], uid: str) -> Iterator[tuple[Kind, Json]]:
    for kind in kinds:
        for obj in list(objects.store.table(kind.key).values()):
            if any(r["uid"] == uid for r in obj["metadata"].get("ownerReferences") or ()):
                yield kind, obj


def _finish(objects: Objects, kinds: list[Kind], kind: Kind, obj: Json) -> None:
    """Serve the two finalizers that belong to the collector."""
    meta = obj["metadata"]
    if "orphan" in meta["finalizers"]:
        for dependent_kind, dependent in _dependents(objects, kinds, meta["uid"]):
            left = [r for r in dependent["metadata"]["ownerReferences"] if r["uid"] != meta["uid"]]
            changed = {**dependent, "metadata": {**dependent["metadata"], "ownerReferences": left}}
            objects.change(dependent_kind, dependent, changed, Options())
        _lift(objects, kind, obj, "orphan")
    elif "foregroundDeletion" in meta["finalizers"]:
        waiting = list(_dependents(objects, kinds, meta["uid"]))
        for dependent_kind, dependent in waiting:
            if not is_terminating(dependent):
                # What may own others goes in the foreground too, so that nothing of it outlives the first owner.
                how = "Background" if dependent_kind.key == "pods" else "Foreground"
                remove(objects, dependent_kind.key, dependent, Deletion(propagation=how))
        if not waiting:
            _lift(objects, kind, obj, "foregroundDeletion")


def _lift(objects: Objects, kind: Kind, obj: Json, finalizer: str) -> None:
    left = [f for f in obj["metadata"]["finalizers"] if f != finalizer]
    objects.change(kind, obj, {**obj, "metadata": {**obj["metadata"], "finalizers": left}}, Options())


def _expire_events(objects: Objects) -> float | None:
    due: list[float] = []
    for event in list(objects.store.table("events").values()):
        ends = seconds(event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]) + KEPT_SECONDS
        if ends <= objects.now():
            objects.store.remove("events", event)
        else:
            due.append(ends)
    return earliest(due)
