"""Monitoring on a free port, over two clusters made of plain dicts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.cloud import monitoring_v3
from google.cloud.monitoring_v3.services.alert_policy_service.transports import AlertPolicyServiceGrpcTransport
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.cloud.monitoring_v3.services.notification_channel_service.transports import (
    NotificationChannelServiceGrpcTransport,
)

from localcloud.monitoring import Monitoring
from tests.contract.conftest import Served

HOST = "monitoring.googleapis.com"
PROJECT = "projects/demo-project"
Json = dict[str, Any]


def node(name: str, *, gpus: int = 1, accelerator: str = "nvidia-l4", pool: str = "l4-spot") -> Json:
    labels = {"cloud.google.com/gke-accelerator": accelerator, "cloud.google.com/gke-nodepool": pool}
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}}}


def pod(name: str, *, on: str, gpus: int = 1, duty_cycle: int = 0, phase: str = "Running") -> Json:
    annotations = {"localcloud.poolwright.dev/duty-cycle": str(duty_cycle)}
    container = {"name": "main", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    return {
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": {"nodeName": on, "containers": [container]},
        "status": {"phase": phase},
    }


@dataclass
class Fleet:
    """Clusters by name: nodes and pods, changed at will by a test."""

    clusters: dict[str, tuple[list[Json], list[Json]]] = field(default_factory=dict)

    def __call__(self) -> Iterator[tuple[Json, list[Json], list[Json]]]:
        for name, (nodes, pods) in self.clusters.items():
            yield {"name": name, "location": "us-central1"}, nodes, pods


@dataclass
class Stage:
    """A served Monitoring; `messages` are (topic, body) in the order of publishing."""

    served: Served
    fleet: Fleet
    messages: list[tuple[str, Json]]

    def __post_init__(self) -> None:
        channel = grpc.insecure_channel(self.served.endpoints[HOST].removeprefix("http://"))
        self.metrics = monitoring_v3.MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))
        self.policies = monitoring_v3.AlertPolicyServiceClient(
            transport=AlertPolicyServiceGrpcTransport(channel=channel)
        )
        self.channels = monitoring_v3.NotificationChannelServiceClient(
            transport=NotificationChannelServiceGrpcTransport(channel=channel)
        )

    def now(self) -> float:
        return self.served.world.simulation.now()

    def advance(self, seconds: float) -> None:
        self.served.call(self.served.world.simulation.advance, seconds)

    def interval(self, seconds: float) -> Json:
        return {"start_time": {"seconds": int(self.now() - seconds)}, "end_time": {"seconds": int(self.now())}}

    def query(self, text: str, *, seconds: float = 60, **more: Any) -> list[monitoring_v3.TimeSeries]:
        request = {"name": PROJECT, "filter": text, "interval": self.interval(seconds), **more}
        return list(self.metrics.list_time_series(request))

    def rest(self, verb: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Status and JSON of a REST call."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.served.endpoints[HOST]}/v3/{path}", data=data, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())


@pytest.fixture
def stage(served: Callable[..., Served]) -> Stage:
    running = served(manual=True)
    fleet, messages = Fleet(), []
    running.world.publish = lambda topic, data, attributes: messages.append((topic, json.loads(data)))
    running.serve(running.call(Monitoring, running.world, fleet).api())
    return Stage(served=running, fleet=fleet, messages=messages)


@pytest.fixture
def busy(stage: Stage) -> Stage:
    """Two L4 nodes (one half used) and an H100 node in `serving`, one idle L4 node in `batch`; ten minutes old."""
    stage.fleet.clusters["serving"] = (
        [node("n1"), node("n2"), node("h1", gpus=8, accelerator="nvidia-h100-80gb", pool="h100")],
        [pod("a", on="n1", duty_cycle=90), pod("b", on="h1", gpus=2, duty_cycle=40)],
    )
    stage.fleet.clusters["batch"] = ([node("b1")], [])
    stage.advance(600)
    return stage
