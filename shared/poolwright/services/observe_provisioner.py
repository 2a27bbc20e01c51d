"""What a provisioner sees: groups from GKE and Compute, nodes and pods from Kubernetes, duty cycles from Monitoring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.provisioner import Provisioner
from poolwright.environments import Environment
from poolwright.references import ClusterRef, GroupRef, last_part
from poolwright.services.ports import Json, Kubernetes, Node, NodePool, Pod, Ports

POOL_LABEL = "cloud.google.com/gke-nodepool"


class Unsuited(Exception):
    """The provisioner cannot work with the groups it names; the text says why and what to do."""


@dataclass(frozen=True)
class Sight:
    """The observation, and the things it was made of, by group name and node name."""

    seen: Observation
    groups: Mapping[str, GroupRef]
    members: Mapping[str, list[Json]]
    nodes: Mapping[str, Node]
    pods: Mapping[str, list[Pod]]


def observe(
    ports: Ports, environment: Environment, ref: ClusterRef, kubernetes: Kubernetes, provisioner: Provisioner
) -> Sight:
    """Everything the decision needs, read once. Unsuited, Weather."""
    groups, pools = _groups(ports, ref, provisioner)
    nodes = {node.name: node for node in kubernetes.nodes()}
    every_pod = kubernetes.pods()
    pods: dict[str, list[Pod]] = defaultdict(list)
    for pod in every_pod:
        pods[pod.node].append(pod)
    members = {name: _present(ports.compute.members(group)) for name, group in groups.items()}
    now = ports.clock.now()
    cycles = ports.monitoring.duty_cycle(
        ref,
        metric=environment.capacity.duty_cycle_metric,
        since=now - environment.capacity.max_age_seconds,
        until=now,
    )
    gpu_nodes = [
        _gpu_node(nodes[name], group, pods[name], cycles.get(name))
        for group in groups
        for name in _names(members[group])
        if name in nodes
    ]
    useful = {node.name for node in gpu_nodes if node.serving or node.cordoned}
    seen = Observation(
        nodes=tuple(gpu_nodes),
        groups=tuple(
            Group(
                name=group,
                members=len(members[group]),
                on_the_way=sum(name not in useful for name in _names(members[group])),
            )
            for group in groups
        ),
        pending=tuple(pod.gpus for pod in every_pod if _waits_for_us(pod, pools)),
        gpus_per_node=max(pool.gpus_per_node for pool in pools),
    )
    return Sight(seen=seen, groups=groups, members=members, nodes=nodes, pods=pods)


def _groups(ports: Ports, ref: ClusterRef, provisioner: Provisioner) -> tuple[dict[str, GroupRef], list[NodePool]]:
    """The named groups in their order, and their pools."""
    owners = {group.name: (group, pool) for pool in ports.gke.cluster(ref).pools for group in pool.groups}
    found: dict[str, GroupRef] = {}
    pools: list[NodePool] = []
    for name in provisioner.spec.existing_instance_group_names:
        if name not in owners:
            raise Unsuited(
                f"no node pool of {ref.name} has the instance group {name}; correct existingInstanceGroupNames"
            )
        group, pool = owners[name]
        if pool.autoscaling:
            raise Unsuited(
                f"GKE's autoscaling is on for node pool {pool.ref.name}, and a pool cannot have two masters; "
                f"turn one off: gcloud container node-pools update {pool.ref.name} --no-enable-autoscaling"
            )
        if not pool.gpus_per_node:
            raise Unsuited(f"node pool {pool.ref.name} has no GPUs; correct existingInstanceGroupNames")
        found[name] = group
        pools.append(pool)
    return found, pools


def _present(members: Iterable[Json]) -> list[Json]:
    return [member for member in members if member.get("currentAction") not in ("DELETING", "ABANDONING")]


def _names(members: Iterable[Json]) -> list[str]:
    return [last_part(member["instance"]) for member in members]


def _gpu_node(node: Node, group: str, pods: Iterable[Pod], cycle: float | None) -> GpuNode:
    return GpuNode(
        name=node.name,
        group=group,
        gpus=node.gpus,
        used=sum(pod.gpus for pod in pods),
        ready=node.ready,
        cordoned=node.cordoned,
        duty_cycle=cycle,
    )


def _waits_for_us(pod: Pod, pools: Iterable[NodePool]) -> bool:
    """Pending for want of room, and a node of one of our pools would give it."""
    if pod.node or not pod.gpus or not pod.unschedulable:
        return False
    for pool in pools:
        labels = {**pool.labels, POOL_LABEL: pool.ref.name, "cloud.google.com/gke-accelerator": pool.accelerators[0]}
        fits = all(labels.get(name, value) == value for name, value in pod.node_selector.items())
        if fits and pod.gpus <= pool.gpus_per_node:
            return True
    return False
