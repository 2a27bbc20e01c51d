"""GKE and Compute served on free ports, and Google's own client library for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.container_v1.services.cluster_manager import ClusterManagerClient
from google.cloud.container_v1.services.cluster_manager.transports import (
    ClusterManagerGrpcTransport,
    ClusterManagerRestTransport,
)

from localcloud.certificates import Authority
from localcloud.compute import Compute
from localcloud.front_door import HttpHandler
from localcloud.gke import Gke
from localcloud.kubernetes import ClusterApi
from tests.contract.conftest import Served

HOST = "container.googleapis.com"
PROJECT = "demo-project"
LOCATION = f"projects/{PROJECT}/locations/us-central1"
CLUSTER = f"{LOCATION}/clusters/serving"
POOL = f"{CLUSTER}/nodePools/l4"
Json = dict[str, Any]

L4_POOL: Json = {
    "name": "l4",
    "config": {
        "machineType": "g2-standard-24",
        "diskSizeGb": 200,
        "spot": True,
        "labels": {"team": "vision"},
        "taints": [{"key": "dedicated", "value": "vision", "effect": "NO_SCHEDULE"}],
    },
    "locations": ["us-central1-a", "us-central1-b"],
    "initialNodeCount": 1,
}


class Stage:
    """A served GKE with the cluster `serving`; `messages` are (topic, attributes, text)."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.world = served.world
        self.messages: list[tuple[str, dict[str, str], str]] = []
        self.world.publish = lambda topic, data, attributes: self.messages.append((topic, attributes, data.decode()))
        self.compute: Compute = served.call(Compute, self.world)
        self.gke: Gke = served.call(Gke, self.world, self.compute, self._open_control_plane)
        served.serve(self.compute.api(), self.gke.api())
        self.address = served.endpoints[HOST].removeprefix("http://")
        self.rest = ClusterManagerClient(
            transport=ClusterManagerRestTransport(
                host=self.address, url_scheme="http", credentials=AnonymousCredentials()
            )
        )
        self.remote = ClusterManagerClient(
            transport=ClusterManagerGrpcTransport(channel=grpc.insecure_channel(self.address))
        )
        body = {"name": "serving", "nodePools": [L4_POOL]}
        served.run(self.gke.put_cluster(body, location="us-central1"))
        if self.world.simulation.manual:
            self.advance(600)

    async def _open_control_plane(self, handler: HttpHandler, authority: Authority) -> int:
        return await self.served.listeners.open_tls(handler, authority=authority)

    def advance(self, seconds: float) -> None:
        self.served.call(self.world.simulation.advance, seconds)

    def done(self, operation: Any, *, within: float = 3600) -> Any:
        """The operation as it is when it is over."""
        path = f"{operation.self_link.partition('/v1/')[2]}".replace("/zones/", "/locations/")
        for _ in range(int(within // 10)):
            found = self.remote.get_operation(name=path)
            if found.status.name == "DONE":
                return found
            self.advance(10)
        raise AssertionError(f"{operation.name} is still {found.status.name} after {within} s: {found}")

    @property
    def kubernetes(self) -> ClusterApi:
        return self.gke.clusters[CLUSTER]

    def nodes(self, pool: str = "l4") -> list[Json]:
        return self.served.call(self.kubernetes.list, "nodes", labels=f"cloud.google.com/gke-nodepool={pool}")

    def group(self, url: str) -> Json:
        """A group by the link a node pool has of it."""
        parts = url.split("/")
        return self.served.call(self.compute.group, parts[-3], parts[-1])

    def template(self, url: str) -> Json:
        """The template that a group points at."""
        link = self.group(url)["instanceTemplate"]
        found: Json = self.world.table("compute.instanceTemplates")[link.partition("/v1/")[2]]
        return found

    def audit(self) -> list[Json]:
        """Audit log entries so far."""
        return [json.loads(text) for topic, _, text in self.messages if topic == "gke-audit"]


def metadata(template: Json) -> dict[str, str]:
    """Its metadata as a mapping."""
    return {each["key"]: each["value"] for each in template["properties"]["metadata"]["items"]}


@pytest.fixture
def stage(served: Callable[..., Served]) -> Iterator[Stage]:
    yield Stage(served(manual=True))
