"""CustomResourceDefinitions: their status, and the end of their resources when they go."""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.controllers.controller import Controller, is_terminating, remove, set_status
from localcloud.kubernetes.defaults import established
from localcloud.kubernetes.kinds import CRD_KEY, custom_kinds
from localcloud.kubernetes.objects import CRD_CLEANUP, Objects, Options
from localcloud.kubernetes.store import Change

Json = dict[str, Any]


class Definitions(Controller):
    def cares(self, change: Change) -> bool:
        return change.key == CRD_KEY or (change.type == "DELETED" and "." in change.key)

    def run(self, objects: Objects) -> float | None:
        for definition in list(objects.store.table(CRD_KEY).values()):
            if is_terminating(definition):
                _end(objects, definition)
            else:
                status = established(definition, objects.now())
                set_status(objects, CRD_KEY, definition, status)
        return None


def _end(objects: Objects, definition: Json) -> None:
    kind = next(custom_kinds(definition), None)
    if kind is not None:
        for obj in objects.select(kind):
            if not is_terminating(obj):
                remove(objects, kind.key, obj)
        if objects.select(kind):
            return
    meta = definition["metadata"]
    left = [f for f in meta.get("finalizers") or () if f != CRD_CLEANUP]
    changed = {**definition, "metadata": {**meta, "finalizers": left}}
    objects.change(objects.kinds.named(CRD_KEY), definition, changed, Options())
