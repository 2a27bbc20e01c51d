"""What a day's judges see: the stand-in's own tables, never poolwright's records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.kubernetes.quantities import number
from poolwright.references import GroupRef
from tests.chaos.harness import Flow
from tests.days.people import DUTY_CYCLE, GPU, POOL

Json = dict[str, Any]
LEAVING = ("DELETING", "ABANDONING")


@dataclass(frozen=True)
class PodSeen:
    """A pod that is not finished."""

    key: str
    node: str
    gpus: int
    pool: str
    daemon: bool
    terminating: bool
    busy: float


@dataclass(frozen=True)
class NodeSeen:
    """A node: `serving` is Ready, open, and has GPUs."""

    name: str
    ready: bool
    cordoned: bool
    gpus: int

    @property
    def serving(self) -> bool:
        """It can run GPU pods now."""
        return self.ready and not self.cordoned and self.gpus > 0


@dataclass(frozen=True)
class GroupSeen:
    """An instance group: `staying` members, `target` size, the zone's `room` for one more, `failures` to make one."""

    path: str
    zone: str
    machine: str
    target: int
    staying: frozenset[str]
    making: frozenset[str]
    room: bool
    failures: int


@dataclass(frozen=True)
class Provisioner:
    """A NodeProvisioner and what belongs to it, at one moment."""

    name: str
    spec: Json
    groups: tuple[GroupSeen, ...]
    nodes: tuple[NodeSeen, ...]
    pods: Mapping[str, tuple[PodSeen, ...]]
    waiting: tuple[PodSeen, ...]
    gpus_per_node: int

    @property
    def members(self) -> int:
        """What was asked for, coming ones included."""
        return sum(group.target for group in self.groups)


@dataclass(frozen=True)
class Sight:
    """One moment."""

    now: float
    provisioners: tuple[Provisioner, ...]
    nodes: Mapping[str, NodeSeen]
    pods: Mapping[str, PodSeen]
    by_node: Mapping[str, tuple[PodSeen, ...]] = field(repr=False)


def look(flow: Flow, cluster: str) -> Sight:
    """In the stand-in's own thread."""
    tables = flow.stack.world.table("kubernetes")[cluster]
    pods = {pod.key: pod for pod in map(_pod, _unfinished(tables))}
    nodes = {name: _node(body) for name, body in tables.get("nodes", {}).items()}
    on: dict[str, list[PodSeen]] = {}
    for pod in pods.values():
        on.setdefault(pod.node, []).append(pod)
    by_node = {name: tuple(each) for name, each in on.items()}
    found = tables.get("nodeprovisioners.compute.poolwright.dev", {}).values()
    provisioners = tuple(_provisioner(flow, cluster, body, nodes, by_node) for body in found)
    return Sight(flow.now(), provisioners, nodes, pods, by_node)


def _provisioner(
    flow: Flow, cluster: str, body: Json, nodes: Mapping[str, NodeSeen], on: Mapping[str, tuple[PodSeen, ...]]
) -> Provisioner:
    world, name = flow.stack.world, body["metadata"]["name"]
    pool = world.table("gke.nodePools")[f"{cluster}/nodePools/{name}"]
    managers = [str(GroupRef(world.project, each["zone"], each["name"])) for each in pool["_groups"]]
    machine = pool["config"]["machineType"]
    groups = tuple(_group(flow, path, machine) for path in managers)
    theirs = tuple(nodes[each] for group in groups for each in sorted(group.staying) if each in nodes)
    return Provisioner(
        name=name,
        spec=body["spec"],
        groups=groups,
        nodes=theirs,
        pods={node.name: on.get(node.name, ()) for node in theirs},
        waiting=tuple(pod for pod in on.get("", ()) if pod.gpus and pod.pool == name and not pod.terminating),
        gpus_per_node=int(pool["config"]["accelerators"][0]["acceleratorCount"]),
    )


def _group(flow: Flow, path: str, machine: str) -> GroupSeen:
    world, zone = flow.stack.world, path.split("/")[3]
    members = world.table("compute.managedInstances").get(path, {})
    stock = world.table("compute.stock").get(zone, {})
    there = sum(
        f"/zones/{zone}/" in each and instance["machineType"].endswith(f"/{machine}")
        for each, instance in world.table("compute.instances").items()
        if instance["status"] != "TERMINATED"
    )
    return GroupSeen(
        path=path,
        zone=zone,
        machine=machine,
        target=int(world.table("compute.instanceGroupManagers")[path]["targetSize"]),
        staying=frozenset(name for name, each in members.items() if each["action"] not in LEAVING),
        making=frozenset(name for name, each in members.items() if each["action"].startswith(("CREATING", "RECREAT"))),
        room=machine not in stock or there < int(stock[machine]),
        failures=len(world.table("compute.groupErrors").get(path, ())),
    )


def _unfinished(tables: Json) -> Iterator[Json]:
    for pod in tables.get("pods", {}).values():
        if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            yield pod


def _pod(body: Json) -> PodSeen:
    meta, spec = body["metadata"], body["spec"]
    owners = [each["kind"] for each in meta.get("ownerReferences", [])]
    return PodSeen(
        key=f"{meta['namespace']}/{meta['name']}",
        node=spec.get("nodeName", ""),
        gpus=gpus_of(body),
        pool=(spec.get("nodeSelector") or {}).get(POOL, ""),
        daemon="DaemonSet" in owners,
        terminating="deletionTimestamp" in meta,
        busy=float((meta.get("annotations") or {}).get(DUTY_CYCLE, 0)),
    )


def gpus_of(pod: Json) -> int:
    """What its containers ask for."""
    asked = ((each.get("resources") or {}).get("requests") or {} for each in pod["spec"]["containers"])
    return int(sum(number(str(each.get(GPU, 0))) for each in asked))


def _node(body: Json) -> NodeSeen:
    conditions = {each["type"]: each["status"] for each in body["status"].get("conditions", [])}
    return NodeSeen(
        name=body["metadata"]["name"],
        ready=conditions.get("Ready") == "True",
        cordoned=bool(body["spec"].get("unschedulable")),
        gpus=int(body["status"].get("allocatable", {}).get(GPU, 0)),
    )
