"""Ports for what the stand-in cannot show: a conflict at an exact moment, weather between two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.environments import ClusterPlace, Environment
from poolwright.nodes import ConfigMap
from poolwright.references import ClusterRef, GroupRef, PoolRef
from poolwright.services.ports import Cluster, Missing, NodePool, Ports, Weather

Json = dict[str, Any]


class Store(SqliteStore):
    """The real store; `before` runs once, just before the next write to its collection."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.before: dict[str, Callable[[], None]] = {}

    def put(self, collection: str, key: str, body: Json, *, version: int | None) -> int:
        if act := self.before.pop(collection, None):
            act()
        return super().put(collection, key, body, version=version)


@dataclass
class Outbox:
    """What was published, work and notifications; no more work gets through after so much."""

    sent: list[Json] = field(default_factory=list)
    told: list[Json] = field(default_factory=list)
    weather_after: int = 1000

    def publish_all(self, topic: str, messages: Any) -> None:
        for data, attributes in messages:
            self.publish(topic, data, attributes)

    def publish(self, topic: str, data: bytes, attributes: Any = None) -> str:
        import json

        if topic == "notifications":
            self.told.append({**json.loads(data), "attributes": dict(attributes or {})})
            return f"told-{len(self.told)}"
        if len(self.sent) >= self.weather_after:
            raise Weather("Pub/Sub is away")
        self.sent.append(json.loads(data))
        return str(len(self.sent))


@dataclass
class Clock:
    time: float = 1_000_000.0
    count: int = 0

    def now(self) -> float:
        return self.time

    def unique(self) -> str:
        self.count += 1
        return f"holder-{self.count}"


@dataclass
class Gke:
    """Clusters by reference, also by the number of their project."""

    clusters: dict[ClusterRef, Cluster] = field(default_factory=dict)

    def cluster(self, ref: ClusterRef) -> Cluster:
        if ref not in self.clusters:
            raise Missing(str(ref))
        return self.clusters[ref]


@dataclass
class Clusters:
    """Clusters that are nothing but their ConfigMaps: by name, what each says of STATE."""

    states: dict[str, str] = field(default_factory=dict)

    def kubernetes(self, ref: ClusterRef) -> Any:
        found = [ConfigMap(name=name, data={"STATE": word}, version="1") for name, word in self.states.items()]
        return SimpleNamespace(config_maps=lambda namespace: found)


@dataclass
class Webhook:
    """What was posted, and to whom."""

    posted: list[tuple[str, str]] = field(default_factory=list)

    def post(self, variable: str, text: str) -> None:
        self.posted.append((variable, text))


@dataclass
class Outside:
    """Everything outside, and the ports made of it."""

    store: Store
    publisher: Outbox = field(default_factory=Outbox)
    clock: Clock = field(default_factory=Clock)
    gke: Gke = field(default_factory=Gke)
    clusters: Clusters = field(default_factory=Clusters)
    compute: Any = field(default_factory=SimpleNamespace)
    webhook: Webhook = field(default_factory=Webhook)
    environments: tuple[Environment, ...] = ()

    @property
    def ports(self) -> Ports:
        none: Any = None
        gke: Any = self.gke
        clusters: Any = self.clusters
        return Ports(
            environments=self.environments, store=self.store, publisher=self.publisher, compute=self.compute,
            gke=gke, cloud_build=none, monitoring=none, clusters=clusters, clock=self.clock,
            webhook=self.webhook,
        )  # fmt: skip


def environment(name: str, project: str) -> Environment:
    """An environment with the one cluster that all are called after."""
    places = (ClusterPlace(name="serving", location="us-central1"),)
    return Environment(name=name, project=project, clusters=places, build_service_account="b@x", mode="act")


def cluster(project: str, *, uid: str, pool: str = "l4", zones: tuple[str, ...] = ("us-central1-a",)) -> Cluster:
    """A cluster with one pool of GPUs."""
    ref = ClusterRef(project, "us-central1", "serving")
    groups = tuple(GroupRef(project, zone, f"gke-serving-{pool}-{zone[-1]}-grp") for zone in zones)
    pools = NodePool(
        ref=PoolRef(ref, pool), status="RUNNING", version="1.33", machine_type="g2-standard-24", labels={},
        accelerators=("nvidia-l4",), gpus_per_node=2, autoscaling=False, groups=groups,
    )  # fmt: skip
    return Cluster(ref=ref, uid=uid, status="RUNNING", autopilot=False, pools=(pools,))


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(store=Store(tmp_path / "store.db"))
