"""What a wave shows now: its nodes that were made from our template."""

from __future__ import annotations

from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.rollouts.gates.evidence import BootedNode, Evidence
from poolwright.rollouts.rollout import Rollout
from poolwright.services import mutate_group
from poolwright.services.ports import Node, Ports


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
    """Members of the wave's changed groups that were made from our template of this run."""
    found = []
    nodes: dict[ClusterRef, dict[str, Node]] = {}
    for target in rollout.current.targets:
        if target.state != "mutated":
            continue
        group, pool_ref = GroupRef.parse(target.group), PoolRef.parse(target.pool)
        ref = pool_ref.cluster
        _, pool = mutate_group.pool_of(ports, ref, group)
        for member in ports.compute.members(group):
            template = last_part(member.get("version", {}).get("instanceTemplate", ""))
            if member.get("currentAction") == "DELETING" or run_id_of(template) != rollout.run_id:
                continue
            if ref not in nodes:
                nodes[ref] = {node.name: node for node in ports.clusters.kubernetes(ref).nodes()}
            name = last_part(member["instance"])
            node = nodes[ref].get(name)
            errors = member.get("lastAttempt", {}).get("errors", {}).get("errors", [])
            found.append(
                BootedNode(
                    name=name,
                    group=target.group,
                    registered=node is not None,
                    ready=node is not None and node.ready,
                    gpus=node.gpus if node else 0,
                    gpus_expected=pool.gpus_per_node,
                    errors=tuple(f"{error.get('code')}: {error.get('message')}" for error in errors),
                    since=max(rollout.current.began, node.created if node else 0.0),
                    booted=rollout.image,
                )
            )
    return found
