"""What a wave shows now: its nodes that were made from our template, and how the others of its pools are.

Calls: one list of all groups, one a cluster to GKE, one list of nodes a cluster, one of the members of each group that
may have new ones; where nodes booted, one list of boot disks and of each cluster's ConfigMaps; pods and events where
the environment asks for them.
In the clusters it needs, for the function's identity: nodes list, pods list, events list, and configmaps list in
namespace poolwright.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.nodes import POOL_LABEL, ImagePull, Node, Pod
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.rollouts import new_members
from poolwright.rollouts.gates import cache_hit
from poolwright.rollouts.gates.evidence import BootedNode, Evidence
from poolwright.rollouts.rollout import Rollout, Target, Wave
from poolwright.rollouts.smoke_jobs import PREFIX as SMOKE_PREFIX
from poolwright.services import released, smoke_jobs, state
from poolwright.services.ports import Json, Missing, NodePool, Ports

_CLOCKS_DIFFER_SECONDS = 2.0
_MOMENT_SECONDS = 60.0


def gather(ports: Ports, environment: Environment, rollout: Rollout, *, now: float) -> Evidence:
    """Read it. Weather."""
    wave, gates = rollout.current, environment.rollout.gates
    nodes_of = _nodes(ports, wave)
    nodes = _judgeable(ports, _booted(ports, environment, rollout, nodes_of))
    containers = environment.build.containers if gates.cache_hit else ()
    if nodes and (containers or gates.smoke_jobs):
        nodes = _with_what_pods_tell(ports, nodes, nodes_of, containers)
    return Evidence(
        wave=wave.name,
        now=now,
        image=rollout.image,
        node_ready_seconds=rollout.policy.node_ready_seconds,
        nodes=tuple(nodes),
        containers=containers,
        smoke=smoke_jobs.find(ports, environment, rollout, nodes),
        not_ready=_not_ready(rollout, nodes_of, new={node.name for node in nodes}, since=wave.began, now=now),
        baseline=wave.baseline,
        not_ready_rise=gates.not_ready_rise,
        kept=wave.results,
    )


def _judgeable(ports: Ports, nodes: list[BootedNode]) -> list[BootedNode]:
    """Less the nodes that people suspended: those are theirs, and prove nothing for or against the image."""
    refs = sorted({ClusterRef.parse(node.cluster) for node in nodes})
    suspended = {str(ref): state.of_cluster(ports, ref).suspended for ref in refs}
    return [node for node in nodes if node.name not in suspended[node.cluster]]


def baseline(ports: Ports, rollout: Rollout) -> int:
    """How many nodes of the current wave's pools are NotReady, before anything of it is changed. Weather."""
    now = ports.clock.now()
    return len(_not_ready(rollout, _nodes(ports, rollout.current), new=set(), since=now, now=now))


def _nodes(ports: Ports, wave: Wave) -> dict[ClusterRef, dict[str, Node]]:
    clusters = sorted({PoolRef.parse(target.pool).cluster for target in wave.targets})
    return {ref: {node.name: node for node in ports.clusters.kubernetes(ref).nodes()} for ref in clusters}


def _not_ready(
    rollout: Rollout, nodes_of: dict[ClusterRef, dict[str, Node]], *, new: set[str], since: float, now: float
) -> tuple[str, ...]:
    """NotReady nodes of the current wave's pools, less those made since then, those that somebody closed, the canary
    node, and those that are NotReady only for a moment, as they are when their VM is deleted."""
    pools = {PoolRef.parse(target.pool) for target in rollout.current.targets}
    others = new | {rollout.canary, rollout.proved}
    return tuple(
        node.name
        for ref, nodes in nodes_of.items()
        for node in nodes.values()
        if PoolRef(ref, node.labels.get(POOL_LABEL, "")) in pools
        and not (node.ready or node.cordoned or node.name in others)
        and node.created <= since
        and now - node.ready_changed >= _MOMENT_SECONDS
    )


def _booted(
    ports: Ports, environment: Environment, rollout: Rollout, nodes_of: dict[ClusterRef, dict[str, Node]]
) -> list[BootedNode]:
    """Members of the wave's changed groups that were made from our template of this run since the wave began."""
    changed = [target for target in rollout.current.targets if target.state == "mutated"]
    members = [
        (target, pool, member)
        for target, pool in _with_pools(ports, _with_new_members(ports, rollout, changed, nodes_of))
        for member in ports.compute.members(GroupRef.parse(target.group))
        if _is_of_run(member, rollout.run_id)
    ]
    disks = _boot_disks(ports, environment, rollout) if members else {}
    seen = [_booted_node(each, rollout, nodes_of, disks) for each in members]
    return [node for node in seen if node is not None]


def _with_new_members(
    ports: Ports, rollout: Rollout, targets: Sequence[Target], nodes_of: dict[ClusterRef, dict[str, Node]]
) -> list[Target]:
    """The targets whose members are to be listed; also where the list of groups did not have them."""
    refs = {target.group: GroupRef.parse(target.group) for target in targets}
    groups = {
        GroupRef(project, last_part(raw["zone"]), raw["name"]): raw
        for project in sorted({ref.project for ref in refs.values()})
        for raw in ports.compute.groups(project)
    }
    found = []
    for target in targets:
        raw, nodes = groups.get(refs[target.group]), nodes_of[PoolRef.parse(target.pool).cluster]
        if raw is None or new_members.may_have(raw, nodes.values(), since=rollout.current.began):
            found.append(target)
    return found


def _with_pools(ports: Ports, targets: Sequence[Target]) -> list[tuple[Target, NodePool]]:
    """The targets that are still there, each with its pool as GKE has it now."""
    found = []
    for ref in sorted({PoolRef.parse(target.pool).cluster for target in targets}):
        try:
            pools = ports.gke.cluster(ref).pools
        except Missing:
            continue
        pool_of = {str(group): pool for pool in pools for group in pool.groups}
        found += [(target, pool_of[target.group]) for target in targets if target.group in pool_of]
    return found


def _is_of_run(member: Json, run_id: int) -> bool:
    template = last_part(member.get("version", {}).get("instanceTemplate", ""))
    return member.get("currentAction") != "DELETING" and run_id_of(template) == run_id


def _boot_disks(ports: Ports, environment: Environment, rollout: Rollout) -> dict[str, float]:
    """Instance (`zones/Z/instances/N`) -> when its boot disk was made of the rollout's image."""
    facts = rollout.facts or released.facts(ports, environment, rollout.image)
    if facts is None:
        return {}
    return {
        _instance(user): datetime.fromisoformat(disk["creationTimestamp"]).timestamp()
        for disk in ports.compute.boot_disks(environment.project, image=facts["selfLink"])
        for user in disk.get("users", [])
    }


def _instance(url: str) -> str:
    return "zones/" + url.rpartition("/zones/")[2]


def _booted_node(
    found: tuple[Target, NodePool, Json],
    rollout: Rollout,
    nodes_of: dict[ClusterRef, dict[str, Node]],
    disks: dict[str, float],
) -> BootedNode | None:
    """None for a member that is older than the wave: it proves nothing."""
    target, pool, member = found
    cluster = PoolRef.parse(target.pool).cluster
    name = last_part(member["instance"])
    node = nodes_of[cluster].get(name)
    if node is not None and not node.is_of(str(member.get("id", ""))):
        node = None
    made = disks.get(_instance(member["instance"]), node.created if node else None)
    began = rollout.current.began
    if made is not None and made < began - _CLOCKS_DIFFER_SECONDS:
        return None
    errors = member.get("lastAttempt", {}).get("errors", {}).get("errors", [])
    return BootedNode(
        name=name,
        group=target.group,
        registered=node is not None,
        ready=node is not None and node.ready,
        gpus=node.gpus if node else 0,
        gpus_expected=pool.gpus_per_node,
        errors=tuple(f"{error.get('code')}: {error.get('message')}" for error in errors),
        since=math.inf if made is None else max(began, made),
        booted=rollout.image if _instance(member["instance"]) in disks else "",
        accelerator=pool.accelerators[0] if pool.accelerators else "",
        cluster=str(cluster),
    )


def _with_what_pods_tell(
    ports: Ports,
    nodes: Sequence[BootedNode],
    nodes_of: dict[ClusterRef, dict[str, Node]],
    containers: Sequence[str],
) -> list[BootedNode]:
    """The nodes with their free GPUs and, where containers are asked about, what is known of those."""
    found: list[BootedNode] = []
    for ref in sorted({ClusterRef.parse(node.cluster) for node in nodes}):
        kubernetes = ports.clusters.kubernetes(ref)
        pods = kubernetes.pods()
        pulls = kubernetes.image_pulls() if containers else []
        for node in nodes:
            if node.cluster == str(ref):
                found.append(_with_cache(node, nodes_of[ref].get(node.name), pods, pulls, containers))
    return found


def _with_cache(
    booted: BootedNode,
    node: Node | None,
    pods: Sequence[Pod],
    pulls: Sequence[ImagePull],
    containers: Sequence[str],
) -> BootedNode:
    """A pull by a pod whose images are always pulled tells nothing, and so does one by a pod of which nothing is known
    any more, unless it is of a smoke Job: those say IfNotPresent."""
    if node is None or not booted.registered:
        return booted
    here = {(pod.namespace, pod.name): pod for pod in pods if pod.node == node.name}
    used = sum(pod.gpus for pod in here.values())
    telling = [
        pull
        for pull in pulls
        if pull.node == node.name and pull.at >= node.created and (pull.was_there or _counts(pull, here))
    ]
    known = cache_hit.known(containers, images=node.images, pulls=telling)
    return replace(booted, gpus_free=max(0, booted.gpus - used), cache=known)


def _counts(pull: ImagePull, here: dict[tuple[str, str], Pod]) -> bool:
    pod = here.get((pull.namespace, pull.pod))
    return pull.image not in pod.always_pulled if pod else pull.pod.startswith(SMOKE_PREFIX)
