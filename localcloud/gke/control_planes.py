"""The control planes: a Kubernetes API a cluster, embedded or real, its port and its certificate."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from localcloud import latency
from localcloud.calls import CallRecord
from localcloud.certificates import Authority
from localcloud.control_plane import ADMIN, KUBELETS, ControlPlane
from localcloud.front_door import HttpHandler
from localcloud.gke.state import State
from localcloud.kubernetes import ApiError, ClusterApi, KubernetesApi, Machines
from localcloud.kubernetes.paths import Target, parse
from localcloud.kubernetes.real import RealApi
from localcloud.kubernetes.wire import Connection

Json = dict[str, Any]
# Opens an HTTPS port for a handler, with a certificate of this authority; gives the port.
OpenControlPlane = Callable[[HttpHandler, Authority], Awaitable[int]]
# Cluster path -> what its nodes have and do.
MachinesOf = Callable[[str], Machines]
# A folder's name -> a real control plane that keeps its files there, not started yet.
MakeReal = Callable[[str], ControlPlane]

HOST = "kubernetes"
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

# Every reconciliation lets a burst of writes pass first.
SETTLE_SECONDS = 0.05
AGAIN_SECONDS = 1.0  # where a control plane did not answer


class ControlPlanes:
    """`apis`: cluster path -> its Kubernetes API. With `make_real` each cluster gets a real control plane."""

    def __init__(self, state: State, open_control_plane: OpenControlPlane, make_real: MakeReal | None = None) -> None:
        self._state = state
        self._world = state.world
        self._open = open_control_plane
        self._make_real = make_real
        self._folder = tempfile.TemporaryDirectory(prefix="localcloud-gke-")
        self._tasks: set[asyncio.Task[None]] = set()
        self._planned: dict[str, float] = {}
        self.machines: MachinesOf = lambda path: Machines()
        self.apis: dict[str, ClusterApi] = {}
        self.real: dict[str, ControlPlane] = {}
        self._embedded: dict[str, KubernetesApi] = {}
        self._world.simulation.on("gke.reconcile", self._reconcile)

    def start(self, cluster: Json) -> KubernetesApi:
        """The cluster's embedded API, in process."""
        path = cluster["_path"]
        if path not in self.apis:
            tables = self._world.table("kubernetes").setdefault(path, {})
            version = f"v{cluster['currentMasterVersion']}"
            self._embedded[path] = KubernetesApi(
                now=self._world.simulation.now,
                tables=tables,
                version=version,
                machines=self.machines(path),
            )
            self._follow(path, self._embedded[path])
        return self._embedded[path]

    async def open(self, cluster: Json) -> None:
        """The cluster's API and its port; sets `endpoint` and `masterAuth`."""
        opened = self._open_embedded if self._make_real is None else self._open_real
        endpoint, pem = await opened(cluster)
        certificate = base64.b64encode(pem).decode()
        cluster["masterAuth"]["clusterCaCertificate"] = certificate
        # The authority's key is never kept: after a restart nodes with the former certificate are let in still.
        cluster["_cas"] = [*cluster.get("_cas", []), certificate]
        cluster["endpoint"] = endpoint
        cluster["controlPlaneEndpointsConfig"] = {
            **cluster.get("controlPlaneEndpointsConfig", {}),
            "ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": True, "publicEndpoint": endpoint},
        }

    async def _open_embedded(self, cluster: Json) -> tuple[str, bytes]:
        """Address and CA."""
        self.start(cluster)
        folder = Path(self._folder.name) / _slug(cluster["_path"])
        folder.mkdir(exist_ok=True)
        authority = Authority(folder=folder, name=cluster["name"])
        port = await self._open(self._noted(cluster["_path"]), authority)
        return f"127.0.0.1:{port}", authority.pem()

    async def _open_real(self, cluster: Json) -> tuple[str, bytes]:
        """Address and CA."""
        assert self._make_real is not None
        path = cluster["_path"]
        plane = self.real[path] = self._make_real(_slug(path))
        await asyncio.to_thread(plane.start)
        connection = Connection(plane.url, token=plane.tokens[KUBELETS], ca_file=str(plane.ca_file))
        api = RealApi(connection, machines=self.machines(path), soon=asyncio.get_running_loop().call_soon_threadsafe)
        await asyncio.to_thread(api.start)
        self._follow(path, api)
        return plane.url.removeprefix("https://"), plane.ca_file.read_bytes()

    def _follow(self, path: str, api: ClusterApi) -> None:
        self.apis[path] = api
        api.subscribe(lambda _: self._wake(path))
        self._wake(path)

    def _noted(self, path: str) -> HttpHandler:
        """A cluster's API, with its calls in the log as Google's are: `nodes.patch`, `pods/eviction.create`."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if path not in self._embedded:
                return web.Response(status=503, text="the cluster is gone\n")
            target = parse(request.path)
            method = _method(target, request) if target is not None else ""
            await latency.take(self._world, HOST, method)
            answer = await self._embedded[path].handle(cast(web.Request, request))
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
        self._soon(self.open(cluster))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self, path: str) -> None:
        """The cluster is gone; its port answers nobody knows what."""
        api = self.apis.pop(path, None)
        self._embedded.pop(path, None)
        self._world.table("kubernetes").pop(path, None)
        if isinstance(api, RealApi):
            api.stop()
            self._soon(asyncio.to_thread(self.real.pop(path).stop))

    async def stop(self) -> None:
        """End the real ones; the embedded ones are in this process."""
        for api in self.apis.values():
            if isinstance(api, RealApi):
                api.stop()
        await asyncio.gather(*(asyncio.to_thread(plane.stop) for plane in self.real.values()))

    def files(self) -> dict[str, dict[str, str]]:
        """Of the real ones: the administrator's kubeconfig and the audit log, by cluster path."""
        return {
            path: {"kubeconfig": str(self.real[path].kubeconfig(ADMIN)), "audit": str(self.real[path].audit_file)}
            for path in self.apis
            if path in self.real
        }

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
        try:
            self.apis[path].reconcile()
        except ApiError as away:
            if away.code != 503:
                raise
            self._plan(path, self._world.simulation.now() + AGAIN_SECONDS)
            return
        following = self.apis[path].next_due()
        if following is not None:
            self._plan(path, max(following, self._world.simulation.now() + SETTLE_SECONDS))


def _slug(path: str) -> str:
    """A cluster's path as a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", path)


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
