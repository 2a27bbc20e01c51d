"""Every sampling period, what the GPUs of all clusters do and what waits in Pub/Sub become points of time series."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from localcloud.monitoring import descriptors
from localcloud.monitoring.gpus import duty_cycles, gpus_of, model_of, shares_of
from localcloud.monitoring.series import Series, SeriesStore
from localcloud.world import World

Json = dict[str, Any]
NodesAndPods = Callable[[], Iterable[tuple[Json, Iterable[Json], Iterable[Json]]]]
PERIOD_SECONDS = 60.0
_NAMESPACE = uuid.UUID("6f0e5b0c-6f6e-4f0a-9c53-0f5a1d6a7d10")


class Sampling:
    """Writes the samples, then calls `sampled` (alert policies are judged there)."""

    def __init__(
        self, world: World, store: SeriesStore, nodes_and_pods: NodesAndPods, *, sampled: Callable[[], None]
    ) -> None:
        self._world = world
        self._store = store
        self._nodes_and_pods = nodes_and_pods
        self._sampled = sampled
        world.simulation.on("monitoring.sample", self._sample)
        world.simulation.after(PERIOD_SECONDS, "monitoring.sample")

    def _sample(self) -> None:
        state = self._world.table("monitoring.state")
        now, speed = self._world.simulation.now(), self._world.simulation.speed
        # A saved world brings its own next sample along: the one that comes too soon after another is dropped.
        if (now - state.get("sampledAt", 0.0)) * speed < PERIOD_SECONDS * 0.99:
            return
        state["sampledAt"] = now
        self._world.simulation.after(PERIOD_SECONDS, "monitoring.sample")
        for cluster, nodes, pods in self._nodes_and_pods():
            held = list(pods)
            for node in nodes:
                self._sample_node(cluster, node, held, at=now)
        for name, entries in self._world.table("pubsub.backlog").items():
            self._sample_subscription(name, list(entries.values()), at=now)
        self._store.forget_old()
        self._sampled()

    def _sample_node(self, cluster: Json, node: Json, pods: list[Json], *, at: float) -> None:
        total = gpus_of(node)
        shares = shares_of(node, pods)
        model, memory = model_of(node)
        project = project_of_cluster(cluster, self._world.project)
        place = {"project_id": project, "location": cluster["location"], "cluster_name": cluster["name"]}
        for index, (busy, share) in enumerate(duty_cycles(total, shares)):
            name = node["metadata"]["name"]
            labels = {"make": "nvidia", "model": model, "accelerator_id": _accelerator_id(node, index)}
            used = memory * 4 // 5 if share is not None else 0
            owner = {"type": "k8s_node", "labels": {**place, "node_name": name}}
            for kind, value in _node_values(busy, used, memory):
                self._store.write(_gauge(project, kind, labels, owner, node), at=at, value=value)
            if share is None:
                continue
            container = {"namespace_name": share.namespace, "pod_name": share.pod, "container_name": share.container}
            owner = {"type": "k8s_container", "labels": {**place, **container}}
            for kind, value in _container_values(busy, used, memory):
                self._store.write(_gauge(project, kind, labels, owner, node), at=at, value=value)

    def _sample_subscription(self, name: str, entries: list[Json], *, at: float) -> None:
        _, project, _, subscription = name.split("/")
        waiting = [entry["message"] for entry in entries if entry["state"] != "acked"]
        oldest = min((datetime.fromisoformat(each["publishTime"]).timestamp() for each in waiting), default=at)
        resource = {
            "type": "pubsub_subscription",
            "labels": {"project_id": project, "subscription_id": subscription},
        }
        for kind, value in ((descriptors.UNDELIVERED, len(waiting)), (descriptors.OLDEST_UNACKED, int(at - oldest))):
            series = {"project": project, "metric": {"type": kind, "labels": {}}, "resource": resource, "metadata": {}}
            self._store.write({**series, "metricKind": "GAUGE", "valueType": "INT64"}, at=at, value=value)


def project_of_cluster(cluster: Json, default: str) -> str:
    """The project in a cluster's self link."""
    _, found, rest = cluster.get("selfLink", "").partition("/projects/")
    return rest.split("/")[0] if found else default


def _node_values(busy: int, used: int, memory: int) -> Iterator[tuple[str, int]]:
    yield descriptors.DUTY_CYCLE, busy
    yield descriptors.MEMORY_USED, used
    yield descriptors.MEMORY_TOTAL, memory


def _container_values(busy: int, used: int, memory: int) -> Iterator[tuple[str, int]]:
    yield descriptors.CONTAINER_DUTY_CYCLE, busy
    yield descriptors.CONTAINER_MEMORY_USED, used
    yield descriptors.CONTAINER_MEMORY_TOTAL, memory


def _accelerator_id(node: Json, index: int) -> str:
    """The same GPU has the same id for as long as its node lives."""
    meta = node["metadata"]
    known_by = "/".join((meta["name"], meta.get("uid", ""), str(index)))
    return f"GPU-{uuid.uuid5(_NAMESPACE, known_by)}"


def _gauge(project: str, kind: str, labels: dict[str, str], resource: Json, node: Json) -> Series:
    node_labels = node["metadata"].get("labels", {})
    return {
        "project": project,
        "metric": {"type": kind, "labels": labels},
        "resource": resource,
        "metadata": {"systemLabels": {"node_name": node["metadata"]["name"]}, "userLabels": node_labels},
        "metricKind": "GAUGE",
        "valueType": "INT64",
    }
