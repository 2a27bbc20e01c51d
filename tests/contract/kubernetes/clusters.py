"""Clusters for the tests of the embedded API: one under a clock in hand, one served over HTTP while time runs fast."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from localcloud.kubernetes import ClusterApi, KubernetesApi

Json = dict[str, Any]
T = TypeVar("T")

START = 1_790_000_000.0


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def node_body(name: str, *, gpus: int = 0, ready: bool = True, **labels: str) -> Json:
    """A node as a kubelet registers it."""
    amounts = {"cpu": "4", "memory": "16Gi", "pods": "110", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    at = "2026-09-21T00:00:00Z"
    condition = {
        "type": "Ready", "status": "True" if ready else "False", "reason": "KubeletReady", "message": "",
        "lastHeartbeatTime": at, "lastTransitionTime": at,
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "status": {
            "capacity": amounts, "allocatable": amounts, "conditions": [condition],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}],
        },
    }  # fmt: skip


def pod_body(name: str, *, gpus: int = 0, cpu: str = "", labels: Json | None = None, **spec: Any) -> Json:
    """A pod of one container."""
    asked = {**({"nvidia.com/gpu": str(gpus)} if gpus else {}), **({"cpu": cpu} if cpu else {})}
    container = {"name": "main", "image": "registry.example/app:1", "resources": {"limits": asked} if asked else {}}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": [container], **spec},
    }  # fmt: skip


def workload(kind: str, name: str, *, replicas: int | None = None, **spec: Any) -> Json:
    """A Deployment or DaemonSet with the label app=NAME."""
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_body(name)["spec"]}
    body: Json = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    if replicas is not None:
        body["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body}


def budget_body(name: str, **spec: Any) -> Json:
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"selector": selector, **spec},
    }  # fmt: skip


def definition_body(*, schema: Json | None = None, **version: Any) -> Json:
    """A CustomResourceDefinition of widgets.example.com, with a status subresource."""
    spec = {
        "type": "object", "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 9},
            "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "parts": {
                "type": "array", "maxItems": 2, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                "items": {"type": "object", "required": ["id"], "properties": {
                    "id": {"type": "string"}, "count": {"type": "integer"}}},
            },
        },
    }  # fmt: skip
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    whole = schema or {"type": "object", "properties": {"spec": spec, "status": status}}
    served = {
        "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": whole},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
        **version,
    }  # fmt: skip
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [served]},
    }  # fmt: skip


def widget_body(name: str, spec: Json) -> Json:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


class Reachable(ABC):
    """A cluster that tests reach by HTTP, and in the loop that its kubelets run in."""

    _loop: asyncio.AbstractEventLoop

    @abstractmethod
    def _of_kubelets(self) -> ClusterApi:
        """The cluster as they see it."""

    @abstractmethod
    def open(
        self, path: str, data: bytes | None = None, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> Any:
        """A response as it comes."""

    def call(self, work: Callable[[ClusterApi], T]) -> T:
        """Run something on the cluster in that loop, as the simulation does."""

        async def run() -> T:
            return work(self._of_kubelets())

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def request(
        self, method: str, path: str, body: Any = None, *, content: str = "application/json", accept: str = "",
    ) -> tuple[int, Json]:  # fmt: skip
        """One plain HTTP request: its status and decoded body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": content, **({"Accept": accept} if accept else {})}
        try:
            with self.open(path, data, method=method, headers=headers) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, decoded(error.read())


class Served(Reachable):
    """A cluster behind plain HTTP on a free port, in a thread with a loop of its own; its time runs `SPEED` fold."""

    SPEED = 20.0
    token = "none"
    user = "localcloud-admin"
    ca_file = ""

    def __init__(self, tables: dict[str, Json] | None = None) -> None:
        begun = time.monotonic()
        self.api = KubernetesApi(now=lambda: START + (time.monotonic() - begun) * self.SPEED, tables=tables or {})
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the test server did not start"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_route("*", "/{path:.*}", self.api.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        while not self._stopped.is_set():
            self.api.reconcile()
            await asyncio.sleep(0.01)
        await runner.cleanup()

    def _of_kubelets(self) -> ClusterApi:
        return self.api

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def open(
        self, path: str, data: bytes | None = None, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        return urllib.request.urlopen(request, timeout=10)

    def empty(self) -> None:
        """Each test has its own."""


def decoded(text: bytes) -> Json:
    """A refusal that is no JSON is its text."""
    try:
        found: Json = json.loads(text)
        return found
    except ValueError:
        return {"text": text.decode()}


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"


def define_widgets(served: Served) -> None:
    """Widgets of example.com, served: a definition is established a moment after it was stored."""
    served.call(lambda api: api.create("customresourcedefinitions.apiextensions.k8s.io", definition_body()))
    eventually(lambda: served.request("GET", WIDGETS)[0] == 200)


def eventually(found: Callable[[], Any], *, within: float = 10.0) -> Any:
    """What `found` returns as soon as it is true; fails when it stays false."""
    ends = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.02)
    return result
