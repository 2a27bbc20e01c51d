"""What a wave shows now: its nodes that were made from our template."""

from __future__ import annotations

from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.rollouts import new_members
from poolwright.rollouts.gates.evidence import BootedNode, Evidence
from poolwright.rollouts.rollout import Rollout
from poolwright.services.ports import Cluster, Node, Ports
from poolwright.verdicts import Irrelevant


def gather(ports: Ports, environment: Environment, rollout: Rollout, *, now: float) -> Evidence:
    """Read it. Weather."""
    wave = rollout.current
    return Evidence(
        wave=wave.name,
        now=now,
        image=rollout.image,
        node_ready_seconds=rollout.policy.node_ready_seconds,
        nodes=tuple(_booted(ports, rollout)),
        baseline=wave.baseline,
        not_ready_rise=environment.rollout.gates.not_ready_rise,
        kept=wave.results,
    )


def _booted(ports: Ports, rollout: Rollout) -> list[BootedNode]:
    """Members of the wave's changed groups that were made from our template of this run since it began."""
    changed = [target for target in rollout.current.targets if target.state == "mutated"]
    seen = _Seen(ports, {GroupRef.parse(target.group).project for target in changed})
    found = []
    for target in changed:
        group, cluster = GroupRef.parse(target.group), PoolRef.parse(target.pool).cluster
        if not seen.may_have_new(group, cluster, since=rollout.current.began):
            continue
        gpus = seen.gpus_per_node(group, cluster)
        for member in ports.compute.members(group):
            template = last_part(member.get("version", {}).get("instanceTemplate", ""))
            if member.get("currentAction") == "DELETING" or run_id_of(template) != rollout.run_id:
                continue
            name = last_part(member["instance"])
            node = seen.nodes(cluster).get(name)
            errors = member.get("lastAttempt", {}).get("errors", {}).get("errors", [])
            found.append(
                BootedNode(
                    name=name,
                    group=target.group,
                    registered=node is not None,
                    ready=node is not None and node.ready,
                    gpus=node.gpus if node else 0,
                    gpus_expected=gpus,
                    errors=tuple(f"{error.get('code')}: {error.get('message')}" for error in errors),
                    since=max(rollout.current.began, node.created if node else 0.0),
                    booted=rollout.image,
                )
            )
    return found


class _Seen:
    """What is read once for a whole wave: all groups of its projects, and of each cluster its pools and its nodes."""

    def __init__(self, ports: Ports, projects: set[str]) -> None:
        self._ports = ports
        self._groups = {
            GroupRef(project, last_part(raw["zone"]), raw["name"]): raw
            for project in projects
            for raw in ports.compute.groups(project)
        }
        self._clusters: dict[ClusterRef, Cluster] = {}
        self._nodes: dict[ClusterRef, dict[str, Node]] = {}

    def may_have_new(self, group: GroupRef, cluster: ClusterRef, *, since: float) -> bool:
        """Whether the group's members are to be listed; also where the list did not have it."""
        raw = self._groups.get(group)
        return raw is None or new_members.may_have(raw, self.nodes(cluster).values(), since=since)

    def nodes(self, cluster: ClusterRef) -> dict[str, Node]:
        """The cluster's, by name."""
        if cluster not in self._nodes:
            found = self._ports.clusters.kubernetes(cluster).nodes()
            self._nodes[cluster] = {node.name: node for node in found}
        return self._nodes[cluster]

    def gpus_per_node(self, group: GroupRef, cluster: ClusterRef) -> int:
        """Of the pool that has the group now; Irrelevant where none has."""
        if cluster not in self._clusters:
            self._clusters[cluster] = self._ports.gke.cluster(cluster)
        for pool in self._clusters[cluster].pools:
            if group in pool.groups:
                return pool.gpus_per_node
        raise Irrelevant(f"no node pool of {cluster} has the group {group.name}: it is gone")
