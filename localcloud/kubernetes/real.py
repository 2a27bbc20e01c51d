"""A real control plane with the embedded API's own methods: localcloud plays its kubelets and nothing else.

Nodes and pods are kept as watches tell of them, so looking costs no request; the rest is asked for. All of it happens
on one event loop, which a request holds up for a few milliseconds; only the watches wait in threads of their own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from localcloud.kubernetes import patches
from localcloud.kubernetes.controllers.events import event
from localcloud.kubernetes.controllers.kubelets import Kubelets
from localcloud.kubernetes.errors import ApiError
from localcloud.kubernetes.kinds import CRD_KEY, Kind, Kinds, custom_kinds, is_established
from localcloud.kubernetes.machines import Machines
from localcloud.kubernetes.selectors import everything, label_test
from localcloud.kubernetes.store import Change, address
from localcloud.kubernetes.wire import Connection, Watch

Json = dict[str, Any]
# Calls something on the loop that everything here happens on, from whichever thread.
Soon = Callable[..., object]

KEPT = {"nodes": "Node", "pods": "Pod"}
SERVED_WITHIN = 20.0


class RealApi:
    """One cluster, reached by `connection` as somebody who may do everything. `start` before anything else."""

    def __init__(self, connection: Connection, *, machines: Machines, soon: Soon) -> None:
        self._connection = connection
        self._soon = soon
        self._kinds = Kinds({})
        self._custom: dict[str, Kind] = {}
        self._kept: dict[str, dict[str, Json]] = {key: {} for key in KEPT}
        self._watches: list[Watch] = []
        self._subscribers: list[Callable[[Change], None]] = []
        self._kubelets = Kubelets(machines)
        self._due: float | None = None

    def start(self) -> None:
        """Look at everything once, then watch."""
        for key in KEPT:
            watch = Watch(
                self._connection, f"/api/v1/{key}",
                all_are=partial(self._soon, self._all_are, key), changed=partial(self._soon, self._changed, key),
            )  # fmt: skip
            self._watches.append(watch)
            watch.start()

    def stop(self) -> None:
        """Watch no more."""
        for watch in self._watches:
            watch.stop()

    # The embedded API's own methods (ClusterApi)

    def get(self, kind: str, name: str, namespace: str = "") -> Json:
        found = self._kept[kind].get(f"{namespace}/{name}" if namespace else name) if kind in KEPT else None
        return copy.deepcopy(found) if found is not None else self._ask("GET", self._path(kind, namespace, name))

    def list(self, kind: str, namespace: str = "", *, labels: str = "") -> list[Json]:
        if kind in KEPT:
            test = label_test(labels) if labels else everything
            found = (obj for where, obj in sorted(self._kept[kind].items()) if _is_in(where, namespace))
            return [copy.deepcopy(obj) for obj in found if test(obj)]
        answer = self._ask("GET", self._path(kind, namespace), query={"labelSelector": labels} if labels else {})
        row = self._kind(kind)
        return [{"apiVersion": row.api_version, "kind": row.kind, **each} for each in answer["items"]]

    def create(self, kind: str, body: Mapping[str, Any], namespace: str = "") -> Json:
        row, meta = self._kind(kind), body.get("metadata") or {}
        where = namespace or meta.get("namespace") or ("default" if row.namespaced else "")
        whole = {**body, "apiVersion": row.api_version, "kind": row.kind}
        return self._keep(kind, self._ask("POST", self._path(kind, where), whole))

    def replace(self, kind: str, body: Mapping[str, Any], *, subresource: str = "") -> Json:
        row, meta = self._kind(kind), body["metadata"]
        path = self._path(kind, meta.get("namespace", ""), meta["name"], subresource)
        return self._keep(kind, self._ask("PUT", path, {**body, "apiVersion": row.api_version, "kind": row.kind}))

    def patch(
        self, kind: str, name: str, body: Mapping[str, Any], namespace: str = "", *, subresource: str = "",
        media: str = patches.MERGE_PATCH,
    ) -> Json:  # fmt: skip
        path = self._path(kind, namespace, name, subresource)
        return self._keep(kind, self._ask("PATCH", path, dict(body), content=media))

    def delete(self, kind: str, name: str, namespace: str = "", *, grace: int | None = None) -> None:
        body: Json = {"propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        self._ask("DELETE", self._path(kind, namespace, name), body)

    def reconcile(self) -> None:
        self._due = self._kubelets.work(self)

    def next_due(self) -> float | None:
        return self._due

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # What the kubelets need (Reach)

    def now(self) -> float:
        return time.time()

    def nodes(self) -> Iterable[Json]:
        return self._kept["nodes"].values()

    def pods(self) -> Iterable[Json]:
        return self._kept["pods"].values()

    def set_status(self, pod: Json, status: Json) -> Json:
        return self.replace("pods", {**pod, "status": status}, subresource="status")

    def end(self, pod: Json) -> None:
        meta = pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        self._ask("DELETE", self._path("pods", meta["namespace"], meta["name"]), body)

    def tell(self, pod: Json, reason: str, message: str, *, field: str, host: str) -> None:
        fresh = event(pod, reason, message, now=self.now(), component="kubelet", field=field, host=host)
        meta = fresh["metadata"]
        try:
            self.create("events", fresh, meta["namespace"])
        except ApiError as refused:
            if refused.code == 409:
                old = self.get("events", meta["name"], meta["namespace"])
                again = {"count": old["count"] + 1, "lastTimestamp": fresh["lastTimestamp"]}
                self.patch("events", meta["name"], again, meta["namespace"])
            elif refused.code not in (403, 404):  # a namespace that is gone or going takes none
                raise

    # What watches tell, on the loop

    def _all_are(self, key: str, items: Iterable[Json]) -> None:
        whole = [_typed(KEPT[key], each) for each in items]
        self._kept[key] = {address(each): each for each in whole}
        self._tell(key, "MODIFIED", {})

    def _changed(self, key: str, kind: str, obj: Json) -> None:
        obj = _typed(KEPT[key], obj)
        kept, where = self._kept[key], address(obj)
        if kind == "DELETED":
            kept.pop(where, None)
        elif _version(obj) >= _version(kept.get(where)):
            kept[where] = obj
        self._tell(key, kind, obj)

    def _tell(self, key: str, kind: str, obj: Json) -> None:
        for each in list(self._subscribers):
            each(Change(_version(obj), kind, key, obj, None))

    # Helpers

    def _keep(self, kind: str, obj: Json) -> Json:
        """What was just written is seen at once, before the watch tells of it."""
        kept = self._kept.get(kind)
        if kept is not None and _version(obj) > _version(kept.get(address(obj))):
            kept[address(obj)] = copy.deepcopy(obj)
        return obj

    def _ask(self, method: str, path: str, body: Json | None = None, **more: Any) -> Json:
        return self._connection.ask(method, path, body, **more)

    def _path(self, kind: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
        row = self._kind(kind)
        root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
        of = f"/namespaces/{quote(namespace)}" if namespace and row.namespaced else ""
        rest = "".join(f"/{quote(part)}" for part in (name, subresource) if part)
        return f"{root}{of}/{row.plural}{rest}"

    def _kind(self, key: str) -> Kind:
        """A built-in kind, or a custom one as soon as it is served."""
        if key in self._custom:
            return self._custom[key]
        try:
            return self._kinds.named(key)
        except KeyError:
            self._custom[key] = self._custom_kind(key)
            return self._custom[key]

    def _custom_kind(self, key: str) -> Kind:
        """A definition is established, and its paths are served, a moment after it was stored."""
        end = time.monotonic() + SERVED_WITHIN
        while True:
            definition = self.get(CRD_KEY, key)
            row = next(custom_kinds(definition))
            if is_established(definition):
                try:
                    self._ask("GET", f"/apis/{row.group}/{row.version}/{row.plural}", query={"limit": "1"})
                    return row
                except ApiError as early:
                    if early.code not in (404, 429):  # not served yet; its storage is initializing
                        raise
            if time.monotonic() > end:
                raise ApiError(404, "NotFound", f"{key} is not served {SERVED_WITHIN:.0f} s after its definition")
            time.sleep(0.05)


def _version(obj: Json | None) -> int:
    """Comparable since Kubernetes 1.35: resourceVersions of one kind are numbers that grow."""
    return int(((obj or {}).get("metadata") or {}).get("resourceVersion", 0))


def _typed(kind: str, obj: Json) -> Json:
    """Items of lists say neither version nor kind."""
    return {"apiVersion": "v1", "kind": kind, **obj}


def _is_in(where: str, namespace: str) -> bool:
    return not namespace or where.startswith(f"{namespace}/")
