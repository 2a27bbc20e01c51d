"""Namespaces: a default service account and the cluster's CA in each, and the emptying of those that go."""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.controllers.controller import Controller, is_terminating, remove
from localcloud.kubernetes.objects import Objects, Options
from localcloud.kubernetes.store import Change

Json = dict[str, Any]


_OWN: dict[str, Json] = {
    "serviceaccounts": {"metadata": {"name": "default"}},
    # Nobody in a pod calls the embedded API, so the certificate itself is left out.
    "configmaps": {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}},
}


class Namespaces(Controller):
    """Gives every namespace what pods find there; a terminating one goes when nothing is left in it."""

    def cares(self, change: Change) -> bool:
        return change.type == "DELETED" or change.key in ("namespaces", "serviceaccounts", "configmaps")

    def run(self, objects: Objects) -> float | None:
        for namespace in list(objects.store.table("namespaces").values()):
            name = namespace["metadata"]["name"]
            if is_terminating(namespace):
                _empty(objects, namespace, name)
                continue
            for key, own in _OWN.items():
                if objects.store.get(key, f"{name}/{own['metadata']['name']}") is None:
                    objects.create(objects.kinds.named(key), name, own)
        return None


def _empty(objects: Objects, namespace: Json, name: str) -> None:
    left = False
    for kind in objects.kinds.every():
        if kind.namespaced and "list" in kind.verbs:
            for obj in objects.select(kind, name):
                if not is_terminating(obj):
                    remove(objects, kind.key, obj)
                left = left or objects.find(kind, name, obj["metadata"]["name"]) is not None
    if not left:
        spec = {**namespace["spec"], "finalizers": []}
        objects.change(objects.kinds.named("namespaces"), namespace, {**namespace, "spec": spec}, Options())
