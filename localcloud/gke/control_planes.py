"""The control planes: an embedded Kubernetes API a cluster, its port and its certificate."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from localcloud import latency
from localcloud.calls import CallRecord
from localcloud.certificates import Authority
from localcloud.front_door import HttpHandler
from localcloud.gke.state import State
from localcloud.kubernetes import KubernetesApi, Machines
from localcloud.kubernetes.paths import Target, parse

Json = dict[str, Any]
# Opens an HTTPS port for a handler, with a certificate of this authority; gives the port.
OpenControlPlane = Callable[[HttpHandler, Authority], Awaitable[int]]
# Cluster path -> what its nodes have and do.
MachinesOf = Callable[[str], Machines]

HOST = "kubernetes"
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

# Every reconciliation lets a burst of writes pass first.
SETTLE_SECONDS = 0.05


class ControlPlanes:
    """`apis`: cluster path -> its KubernetesApi."""

    def __init__(self, state: State, open_control_plane: OpenControlPlane) -> None:
        self._state = state
        self._world = state.world
        self._open = open_control_plane
        self._folder = tempfile.TemporaryDirectory(prefix="localcloud-gke-")
        self._tasks: set[asyncio.Task[None]] = set()
        self._planned: dict[str, float] = {}
        self.machines: MachinesOf = lambda path: Machines()
        self.apis: dict[str, KubernetesApi] = {}
        self._world.simulation.on("gke.reconcile", self._reconcile)

    def start(self, cluster: Json) -> KubernetesApi:
        """The cluster's API, in process."""
        path = cluster["_path"]
        if path not in self.apis:
            tables = self._world.table("kubernetes").setdefault(path, {})
            version = f"v{cluster['currentMasterVersion']}"
            self.apis[path] = KubernetesApi(
                now=self._world.simulation.now,
                tables=tables,
                version=version,
                machines=self.machines(path),
            )
            self.apis[path].subscribe(lambda _: self._wake(path))
            self._wake(path)
        return self.apis[path]

    async def open(self, cluster: Json) -> None:
        """The cluster's API and its port; sets `endpoint` and `masterAuth`."""
        path = cluster["_path"]
        self.start(cluster)
        folder = Path(self._folder.name) / re.sub(r"[^a-z0-9]+", "-", path)
        folder.mkdir(exist_ok=True)
        authority = Authority(folder=folder, name=cluster["name"])
        port = await self._open(self._noted(path), authority)
        certificate = base64.b64encode(authority.pem()).decode()
        cluster["masterAuth"]["clusterCaCertificate"] = certificate
        # The authority's key is never kept: after a restart nodes with the former certificate are let in still.
        cluster["_cas"] = [*cluster.get("_cas", []), certificate]
        cluster["endpoint"] = f"127.0.0.1:{port}"
        cluster["controlPlaneEndpointsConfig"] = {
            **cluster.get("controlPlaneEndpointsConfig", {}),
            "ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": True, "publicEndpoint": cluster["endpoint"]},
        }

    def _noted(self, path: str) -> HttpHandler:
        """A cluster's API, with its calls in the log as Google's are: `nodes.patch`, `pods/eviction.create`."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if path not in self.apis:
                return web.Response(status=503, text="the cluster is gone\n")
            target = parse(request.path)
            method = _method(target, request) if target is not None else ""
            await latency.take(self._world, HOST, method)
            answer = await self.apis[path].handle(cast(web.Request, request))
            if target is not None:
                where = {"cluster": path, "namespace": target.namespace, "name": target.name}
                params = {key: value for key, value in where.items() if value} | await _body(request)
                caller = request.headers.get("User-Agent", "")
                self._world.calls.add(
                    CallRecord(host=HOST, method=method, params=params, code=answer.status, caller=caller)
                )
            return answer

        return handle

    def open_soon(self, cluster: Json) -> None:
        """The same without waiting."""
        task = asyncio.get_running_loop().create_task(self.open(cluster))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self, path: str) -> None:
        """The cluster is gone; its port answers nobody knows what."""
        self.apis.pop(path, None)
        self._world.table("kubernetes").pop(path, None)

    def _wake(self, path: str) -> None:
        self._plan(path, self._world.simulation.now() + SETTLE_SECONDS)

    def _plan(self, path: str, due: float) -> None:
        """Reconcile at `due`, unless that happens earlier anyway."""
        if due < self._planned.get(path, float("inf")):
            self._planned[path] = due
            wait = max(due - self._world.simulation.now(), 0.0) * self._world.simulation.speed
            self._world.simulation.after(wait, "gke.reconcile", path, due)

    def _reconcile(self, path: str, due: float) -> None:
        if self._planned.get(path) != due or path not in self.apis:
            return
        del self._planned[path]
        self.apis[path].reconcile()
        following = self.apis[path].next_due()
        if following is not None:
            self._plan(path, max(following, self._world.simulation.now() + SETTLE_SECONDS))


def _method(target: Target, request: web.BaseRequest) -> str:
    """`pods/eviction.create`."""
    return f"{target.plural}{f'/{target.subresource}' if target.subresource else ''}.{_verb(request)}"


def _verb(request: web.BaseRequest) -> str:
    """The API's own word for what a request does."""
    if request.method == "GET" and request.query.get("watch") in ("true", "1"):
        return "watch"
    return _VERBS.get(request.method, request.method.lower())


async def _body(request: web.BaseRequest) -> Json:
    """A JSON body, as it came; nothing where it is something else."""
    try:
        found = json.loads(await request.read() or b"null")
    except (ValueError, RecursionError):
        return {}
    return {"body": found} if found is not None else {}
