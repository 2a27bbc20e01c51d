"""The API server: requests to verbs, and the same verbs for the simulation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from localcloud.kubernetes import errors, patches
from localcloud.kubernetes.controllers import Controllers
from localcloud.kubernetes.kinds import CRD_KEY, Kinds
from localcloud.kubernetes.machines import Machines
from localcloud.kubernetes.objects import Deletion, Objects, Options, metadata_of
from localcloud.kubernetes.patching import patch
from localcloud.kubernetes.schema import Schemas
from localcloud.kubernetes.selectors import everything, label_test
from localcloud.kubernetes.serving import Server
from localcloud.kubernetes.store import Change, Store

Json = dict[str, Any]

FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class KubernetesApi:
    """One cluster: its objects, its HTTP face and its controllers.

    The synchronous methods name a kind as kubectl does in full: `pods`, `deployments.apps`,
    `nodeprovisioners.compute.poolwright.dev`. They raise `ApiError`, give copies and take plain JSON objects.
    """

    def __init__(
        self, *, now: Callable[[], float], tables: dict[str, dict[str, Any]], version: str = "v1.33.5-gke.1080000",
        machines: Machines | None = None,
    ) -> None:  # fmt: skip
        store = Store(tables)
        kinds = Kinds(store.table(CRD_KEY))
        self._objects = Objects(store=store, kinds=kinds, schemas=Schemas(), now=now)
        self._server = Server(self._objects, version)
        for name in FIRST_NAMESPACES:
            if self._objects.find(kinds.named("namespaces"), "", name) is None:
                self.create("namespaces", {"metadata": {"name": name}})
        self._controllers = Controllers(self._objects, machines or Machines())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request to the apiserver, whatever its path."""
        return await self._server.handle(request)

    def reconcile(self) -> None:
        """Let scheduler, controllers and kubelets do what is due now. Cheap when nothing is; safe to repeat."""
        self._controllers.run()

    def next_due(self) -> float | None:
        """Epoch seconds at which `reconcile` has something to do without any change, or None."""
        return self._controllers.next_due

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write with the `Change`; returns what ends it."""
        return self._objects.store.subscribe(callback)

    def get(self, kind: str, name: str, namespace: str = "") -> Json:
        """One object; 404 when there is none."""
        return copy.deepcopy(self._objects.get(self._objects.kinds.named(kind), namespace, name))

    def list(self, kind: str, namespace: str = "", *, labels: str = "") -> list[Json]:
        """Objects of a kind, of all namespaces by default, by a label selector."""
        test = label_test(labels) if labels else everything
        return copy.deepcopy(self._objects.select(self._objects.kinds.named(kind), namespace, test))

    def create(self, kind: str, body: Mapping[str, Any], namespace: str = "") -> Json:
        """Store a new object; a node may bring its status."""
        found = self._objects.kinds.named(kind)
        given = copy.deepcopy(dict(body))
        where = namespace or metadata_of(given).get("namespace") or "default"
        return copy.deepcopy(self._objects.create(found, where if found.namespaced else "", given, _STRICT))

    def replace(self, kind: str, body: Mapping[str, Any], *, subresource: str = "") -> Json:
        """Update by whole; with `subresource="status"`, the status alone."""
        found, given = self._objects.kinds.named(kind), copy.deepcopy(dict(body))
        meta, options = given["metadata"], Options(validation="Strict", subresource=subresource)
        where = meta.get("namespace", "")
        return copy.deepcopy(self._objects.replace(found, where, meta["name"], given, options))

    def patch(
        self, kind: str, name: str, body: Mapping[str, Any], namespace: str = "", *, subresource: str = "",
        media: str = patches.MERGE_PATCH,
    ) -> Json:  # fmt: skip
        """Change a part; a merge patch unless `media` says otherwise."""
        found, options = self._objects.kinds.named(kind), Options(validation="Strict", subresource=subresource)
        patched, _ = patch(
            self._objects, found, namespace=namespace, name=name, body=dict(body), media=media, options=options
        )
        return copy.deepcopy(patched)

    def delete(self, kind: str, name: str, namespace: str = "", *, grace: int | None = None) -> None:
        """Begin or do the removal of an object; `grace` in seconds."""
        self._objects.delete(self._objects.kinds.named(kind), namespace, name, Deletion(grace=grace))


_STRICT = Options(validation="Strict")

__all__ = ["KubernetesApi", "errors"]
