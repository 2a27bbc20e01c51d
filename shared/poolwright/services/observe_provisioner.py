"""What a provisioner sees: groups from GKE and Compute, nodes and pods from Kubernetes, duty cycles from Monitoring.

Calls: one for the cluster, two for each group, one for each 500 nodes and each 500 pods, one for the duty cycles; where
there are several groups, one for the reservations of each project.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from poolwright.capacity import draining, observing
from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.observing import Offer
from poolwright.capacity.provisioner import DrainRules, Provisioner
from poolwright.environments import Environment
from poolwright.nodes import POOL_LABEL
from poolwright.references import GroupRef, last_part
from poolwright.services import leases, reservations
from poolwright.services.memory import Asked, Memory
from poolwright.services.ports import Cluster, Json, Kubernetes, Missing, Node, NodePool, Pod, Ports
from poolwright.services.state import States

log = logging.getLogger(__name__)

LISTED_SECONDS = 60.0  # by then a member that was asked for is listed, unless it is gone again
_STARTS_LOOKED_AT = 20  # of VMs without a node, a step: more than that are on their way
_LEAVING = ("DELETING", "ABANDONING")
_AT_WORK = ("RUNNING", "RUNNING_WITH_ERROR")


class Unsuited(Exception):
    """The provisioner cannot work with the groups it names; the text says why and what to do."""


@dataclass(frozen=True)
class Sight:
    """The observation, and the things it was made of, by the group's name in the spec and by the node's name.
    `members` are those that are not leaving."""

    seen: Observation
    groups: Mapping[str, GroupRef]
    pools: Mapping[str, NodePool]
    managers: Mapping[str, Json]
    members: Mapping[str, list[Json]]
    nodes: Mapping[str, Node]
    pods: Mapping[str, list[Pod]]

    def refusing(self, refusals: Mapping[str, str]) -> Sight:
        """With groups that cannot grow for these reasons, beside those that could not before."""
        groups = tuple(
            replace(group, refusal=group.refusal or refusals.get(group.name, "")) for group in self.seen.groups
        )
        return replace(self, seen=replace(self.seen, groups=groups))

    def with_members(self, name: str, members: list[Json], *, fewer: int) -> Sight:
        """With these members of a group, which are fewer by some that were on their way."""
        groups = tuple(
            replace(group, members=group.members - fewer, on_the_way=max(0, group.on_the_way - fewer))
            if group.name == name
            else group
            for group in self.seen.groups
        )
        return replace(self, members={**self.members, name: members}, seen=replace(self.seen, groups=groups))


def observe(
    ports: Ports,
    environment: Environment,
    cluster: Cluster,
    kubernetes: Kubernetes,
    provisioner: Provisioner,
    *,
    key: str,
    memory: Memory,
    states: States,
) -> Sight:
    """Everything the decision needs, read once; what is not to be had is in `seen.unknown`, where the rest is enough
    to grow by. `key`: who may hold a group's lease without being in the way. Unsuited, Weather."""
    groups, pools = _groups(cluster, provisioner)
    unknown: list[str] = []
    nodes = {node.name: node for node in kubernetes.nodes()}
    every_pod = kubernetes.pods()
    pods: dict[str, list[Pod]] = defaultdict(list)
    for pod in every_pod:
        pods[pod.node].append(pod)
    managers = {name: ports.compute.group(group) for name, group in groups.items()}
    members = {name: _present(ports.compute.members(group)) for name, group in groups.items()}
    cycles = _cycles(ports, environment, cluster, unknown)
    there = {name: _nodes_of(members[name], nodes) for name in groups}
    offers = {name: _offer(pools[name], groups[name], there[name].values()) for name in groups}
    reserved, problems = reservations.unused(ports, groups, pools, members)
    unknown += problems
    servers = observing.Servers(offers)
    waiting = servers.pending(pods.get("", []))
    spared = {each.node: each.at for each in memory.spared}
    seen = Observation(
        nodes=tuple(
            _gpu_node(
                node, name, pods.get(node.name, []), cycles.get(node.name), rules=provisioner.spec.drain, states=states,
                servers=servers, spared_at=spared.get(node.name, 0.0),
            )
            for name in groups
            for node in there[name].values()
        ),
        groups=tuple(
            _group(
                ports, name, groups[name], pool=pools[name], manager=managers[name], members=members[name],
                nodes=there[name], offer=offers[name], reserved=reserved.get(name), asked=memory.coming,
                refusal=_refusal(ports, groups[name], pools[name], managers[name], key=key),
            )
            for name in groups
        ),
        pending=tuple(gpus for gpus, _ in waiting),
        gpus_per_node=max(offer.gpus for offer in offers.values()),
        unknown=tuple(unknown),
        choosy=tuple((gpus, takers) for gpus, takers in waiting if len(takers) < len(offers)),
    )  # fmt: skip
    return Sight(seen=seen, groups=groups, pools=pools, managers=managers, members=members, nodes=nodes, pods=pods)


def _groups(cluster: Cluster, provisioner: Provisioner) -> tuple[dict[str, GroupRef], dict[str, NodePool]]:
    """The named groups in their order, and the pool of each."""
    owners = {group: pool for pool in cluster.pools for group in pool.groups}
    groups, problem = observing.resolve(provisioner.spec.existing_instance_group_names, owners)
    if problem:
        raise Unsuited(problem)
    pools = {name: owners[group] for name, group in groups.items()}
    for pool in pools.values():
        if not pool.gpus_per_node:
            raise Unsuited(f"node pool {pool.ref.name} has no GPUs; correct existingInstanceGroupNames")
    return groups, pools


def _present(members: Iterable[Json]) -> list[Json]:
    return [member for member in members if member.get("currentAction") not in _LEAVING]


def _nodes_of(members: Iterable[Json], nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The members' nodes; that of an earlier VM of the name is none."""
    found = {}
    for member in members:
        node = nodes.get(last_part(member["instance"]))
        if node is not None and node.is_of(str(member.get("id", ""))):
            found[node.name] = node
    return found


def _cycles(ports: Ports, environment: Environment, cluster: Cluster, unknown: list[str]) -> dict[str, float]:
    """Fresh duty cycles by node; none, and that is said, where Monitoring does not give them."""
    now, policy = ports.clock.now(), environment.capacity
    try:
        return ports.monitoring.duty_cycle(
            cluster.ref, metric=policy.duty_cycle_metric, since=now - policy.max_age_seconds, until=now
        )
    except Exception as wrong:  # whatever it is, pods that wait for GPUs need no duty cycle to be served
        log.warning("duty cycles of %s cannot be read", cluster.ref, exc_info=True)
        unknown.append(f"metric {policy.duty_cycle_metric} cannot be read: {type(wrong).__name__}: {str(wrong)[:200]}")
        return {}


def _offer(pool: NodePool, group: GroupRef, nodes: Iterable[Node]) -> Offer:
    """What a new node of the group would be: as those that are there, or as GKE says of the pool where none is."""
    useful = [node for node in nodes if node.gpus]
    if useful:
        names = frozenset(name for node in useful for name in node.gpu_names)
        most = max(node.gpus for node in useful)
        return Offer(gpus=most, labels=observing.common_labels(useful), taints=pool.taints, gpu_names=names)
    accelerator = pool.accelerators[0] if pool.accelerators else ""
    gpus = observing.units(
        accelerator, boards=pool.gpus_per_node, partition=pool.partition, clients=pool.clients_per_gpu
    )
    return Offer(gpus=gpus, labels=_labels(pool, group, accelerator), taints=pool.taints)


def _labels(pool: NodePool, group: GroupRef, accelerator: str) -> dict[str, str]:
    """Those that GKE and Kubernetes give to a node of the pool, as far as people select by them
    (https://cloud.google.com/kubernetes-engine/docs/how-to/gpus, .../gpus-multi, .../timesharing-gpus, .../spot-vms;
    https://kubernetes.io/docs/reference/labels-annotations-taints/)."""
    region = group.zone.rpartition("-")[0]
    gke = "cloud.google.com"
    labels = {
        **pool.labels,
        POOL_LABEL: pool.ref.name,
        f"{gke}/gke-accelerator": accelerator,
        f"{gke}/machine-family": pool.machine_type.partition("-")[0],
        f"{gke}/gke-gpu-partition-size": pool.partition,
        f"{gke}/gke-gpu-sharing-strategy": pool.sharing,
        f"{gke}/gke-max-shared-clients-per-gpu": str(pool.clients_per_gpu or ""),
        f"{gke}/gke-spot": "true" if pool.spot else "",
        f"{gke}/gke-provisioning": "spot" if pool.spot else "standard",
        "node.kubernetes.io/instance-type": pool.machine_type,
        "topology.kubernetes.io/zone": group.zone,
        "topology.gke.io/zone": group.zone,
        "topology.kubernetes.io/region": region,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64" if pool.machine_type.startswith("a4x") else "amd64",
    }
    return {name: value for name, value in labels.items() if value or name in pool.labels}


def _gpu_node(
    node: Node,
    group: str,
    pods: list[Pod],
    cycle: float | None,
    *,
    rules: DrainRules,
    states: States,
    servers: observing.Servers,
    spared_at: float,
) -> GpuNode:
    movable = draining.movable(pods)
    return GpuNode(
        name=node.name,
        group=group,
        gpus=node.gpus,
        used=sum(pod.gpus for pod in pods),
        ready=node.ready,
        cordoned=node.cordoned,
        duty_cycle=cycle,
        movable=len(movable),
        objection=draining.objection(movable, rules),
        gpu_pods=tuple(pod.gpus for pod in movable if pod.gpus),
        suspended=node.name in states.suspended,
        spared_at=spared_at,
        serves_them=servers.of_all(movable, group),
    )


def _group(
    ports: Ports,
    name: str,
    group: GroupRef,
    *,
    pool: NodePool,
    manager: Json,
    members: list[Json],
    nodes: Mapping[str, Node],
    offer: Offer,
    reserved: reservations.Unused | None,
    asked: Iterable[Asked],
    refusal: str,
) -> Group:
    """Members are those that are there, and those that are to come: what was asked for and is not listed yet, and what
    a resize request or somebody's resize still owes, for the target size counts them from the first moment."""
    now = ports.clock.now()
    names = {last_part(member["instance"]) for member in members}
    fresh = {each for one in asked if one.group == name and now - one.at < LISTED_SECONDS for each in one.names}
    owed = max(len(fresh - names), int(manager.get("targetSize", 0)) - len(members))
    without = [member for member in members if last_part(member["instance"]) not in nodes]
    coming = sum(observing.is_coming(node, now=now) for node in nodes.values()) + _coming(ports, group, without, now)
    return Group(
        name=name,
        members=len(members) + max(0, owed),
        on_the_way=coming + max(0, owed),
        refusal=refusal,
        reserved_free=reserved.count if reserved else 0,
        reserved=reserved.consumed if reserved else False,
        spot=pool.spot,
        gpus_per_node=offer.gpus,
    )


def _coming(ports: Ports, group: GroupRef, without: list[Json], now: float) -> int:
    """How many of the members without a node are on their way: those that the group is at work on, and those whose VM
    runs for a short time only."""
    idle = [member for member in without if member.get("currentAction", "NONE") == "NONE"]
    late = 0
    for member in idle[:_STARTS_LOOKED_AT]:
        try:
            late += now - ports.compute.started(group, last_part(member["instance"])) >= observing.LATE_SECONDS
        except Missing:
            continue
        except Exception:  # it counts as on its way, so that nothing is bought twice
            log.warning("the start of %s cannot be read", member["instance"], exc_info=True)
            break
    return len(without) - late


def _refusal(ports: Ports, group: GroupRef, pool: NodePool, manager: Json, *, key: str) -> str:
    """Why the group cannot grow now, empty where it can."""
    if pool.status not in _AT_WORK:
        return f"node pool {pool.ref.name} is {pool.status}: GKE is at work on it, or it is broken"
    policy = manager.get("updatePolicy", {})
    if policy.get("type") == "PROACTIVE" and policy.get("replacementMethod", "SUBSTITUTE") == "SUBSTITUTE":
        # https://cloud.google.com/compute/docs/instance-groups/updating-managed-instance-groups
        return "its update type is PROACTIVE, and such a group takes no named instances; set it to OPPORTUNISTIC"
    stored = ports.store.get(leases.COLLECTION, leases.of_group(group))
    if stored is not None and stored.body["holder"] != key and stored.body["until"] > ports.clock.now():
        return f"it is in the hands of {stored.body['holder']}"
    return ""
