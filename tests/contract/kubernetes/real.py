"""A real control plane for the same tests as the embedded API: with kubelets of ours, and emptied between two tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, TypeVar

from localcloud.control_plane import ADMIN, KUBELETS, ControlPlane
from localcloud.gke.nodes import lease
from localcloud.kubernetes import ApiError, ClusterApi, Ending, Machines
from localcloud.kubernetes.real import RealApi
from localcloud.kubernetes.wire import Connection
from tests.contract.kubernetes.clusters import Reachable, eventually

Json = dict[str, Any]
T = TypeVar("T")

SYSTEM = ("default", "kube-node-lease", "kube-public", "kube-system")
WORKLOADS = (
    "deployments.apps", "daemonsets.apps", "statefulsets.apps", "jobs.batch", "replicasets.apps", "pods",
    "poddisruptionbudgets.policy", "configmaps", "leases.coordination.k8s.io", "services",
)  # fmt: skip
LEASES = "leases.coordination.k8s.io"
HEARTBEAT = 2.0
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


class Quick(Machines):
    """Nothing takes long: time is real here."""

    def start_seconds(self, pod: Json, node: Json) -> float:
        return 0.2

    def ending(self, pod: Json, node: Json) -> Ending:
        jobs = any(each["kind"] == "Job" for each in pod["metadata"].get("ownerReferences") or ())
        return Ending(seconds=0.5 if jobs else None)


class Real(Reachable):
    """A real one, with the methods of `Served`."""

    user = ADMIN

    def __init__(self, folder: Path) -> None:
        self._plane = ControlPlane(folder)
        self._plane.start()
        self.url = self._plane.url
        self.ca_file = str(self._plane.ca_file)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        connection = Connection(self.url, token=self._plane.tokens[KUBELETS], ca_file=self.ca_file)
        self._api = RealApi(connection, machines=Quick(), soon=self._loop.call_soon_threadsafe)
        self._api.start()
        self._life = asyncio.run_coroutine_threadsafe(self._live(), self._loop)

    @property
    def token(self) -> str:
        return self._plane.tokens[ADMIN]

    def stop(self) -> None:
        self._api.stop()
        self._life.cancel()
        self._plane.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _of_kubelets(self) -> ClusterApi:
        return self._api

    def open(
        self, path: str, data: bytes | None = None, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> Any:
        signed = {**(headers or {}), "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=signed)
        return urllib.request.urlopen(request, timeout=30, context=ssl.create_default_context(cafile=self.ca_file))

    def empty(self) -> None:
        """Everything that a test made goes."""
        for namespace in self.call(lambda api: api.list("namespaces")):
            if (name := namespace["metadata"]["name"]) not in SYSTEM:
                self._drop("namespaces", name)
        for definition in self.call(lambda api: api.list(DEFINITIONS)):
            self._drop(DEFINITIONS, definition["metadata"]["name"])
        eventually(self._is_empty, within=60)

    def _is_empty(self) -> bool:
        left = 0
        for kind in WORKLOADS:
            for obj in self.call(lambda api, kind=kind: api.list(kind, "default")):  # type: ignore[misc]
                name = obj["metadata"]["name"]
                if name not in ("kube-root-ca.crt", "kubernetes"):
                    left += 1
                    self._drop(kind, name, "default")
        for node in self.call(lambda api: api.list("nodes")):
            left += 1
            self._drop("nodes", node["metadata"]["name"])
        others = self.call(lambda api: api.list("namespaces")), self.call(lambda api: api.list(DEFINITIONS))
        return left == 0 and len(others[0]) == len(SYSTEM) and not others[1]

    def _drop(self, kind: str, name: str, namespace: str = "") -> None:
        with contextlib.suppress(ApiError):
            self.call(lambda api: api.delete(kind, name, namespace, grace=0))

    async def _live(self) -> None:
        beat = 0.0
        while True:
            try:
                if time.monotonic() > beat:
                    self._beat()
                    beat = time.monotonic() + HEARTBEAT
                self._api.reconcile()
            except Exception:
                logging.getLogger(__name__).exception("the kubelets failed")
            await asyncio.sleep(0.05)

    def _beat(self) -> None:
        """A node whose lease nobody renews is lost after 40 seconds, also one that bears the name of a former one."""
        for node in self._api.nodes():
            fresh = lease(node["metadata"]["name"], time.time())
            try:
                self._api.patch(LEASES, node["metadata"]["name"], {"spec": fresh["spec"]}, "kube-node-lease")
            except ApiError:
                self._api.create(LEASES, fresh, "kube-node-lease")
