"""Who else decides how large an instance group is: pure. A group with two masters is worked on by neither of ours.

`autoprovisioned` marks a pool that node auto-provisioning made, and may delete
(https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools#nodepoolautoscaling).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from poolwright.capacity.provisioner import LABEL, Provisioner
from poolwright.references import GroupRef
from poolwright.services.ports import Cluster, NodePool

REASON = "SecondMaster"  # of the condition Ready


def refusal(provisioner: Provisioner, cluster: Cluster, everybody: Iterable[Mapping[str, Any]]) -> str:
    """Who else is master of a group of the provisioner and what to do about it, empty where nobody is. `everybody`: the
    bodies of all NodeProvisioners of the cluster."""
    mine = _named(cluster, provisioner.spec.existing_instance_group_names)
    found = [why for pool in _pools(cluster, mine) if (why := _other_than_us(provisioner, cluster, pool))]
    for body in everybody:
        name, spec = body["metadata"]["name"], body.get("spec") or {}
        if name == provisioner.name:
            continue
        for group in sorted(mine & _named(cluster, _names(spec))):
            found.append(
                f"NodeProvisioner {name} names the instance group {group.name} too, and a group cannot have two "
                f"masters, so neither works; take it out of one's existingInstanceGroupNames: "
                f"kubectl edit nodeprovisioner {name}"
            )
    return "; ".join(found)


def notes(provisioner: Provisioner, cluster: Cluster) -> list[str]:
    """What people may want to know, though it keeps nothing from working."""
    mine = _named(cluster, provisioner.spec.existing_instance_group_names)
    untied = [pool.ref.name for pool in _pools(cluster, mine) if LABEL not in pool.labels]
    if not untied:
        return []
    return [f"Without the label {LABEL}: node pool {', '.join(untied)}."]


def _other_than_us(provisioner: Provisioner, cluster: Cluster, pool: NodePool) -> str:
    """Who else has the pool, empty where nobody has."""
    name, place = pool.ref.name, f"--cluster {cluster.ref.name} --location {cluster.ref.location}"
    if pool.autoprovisioned:
        return (
            f"GKE's node auto-provisioning made node pool {name}, and may grow or delete it; name groups of pools that "
            f"somebody made, or take it over: gcloud container node-pools update {name} {place} "
            f"--no-enable-autoprovisioning --no-enable-autoscaling"
        )
    if pool.autoscaling:
        return (
            f"GKE's autoscaling is on for node pool {name}, and a pool cannot have two masters; "
            f"turn one off: gcloud container node-pools update {name} {place} --no-enable-autoscaling"
        )
    if (other := pool.labels.get(LABEL, "")) not in ("", provisioner.name):
        return (
            f"node pool {name} is labelled for NodeProvisioner {other} ({LABEL}); correct the label, or take its "
            f"groups out of existingInstanceGroupNames"
        )
    return ""


def _pools(cluster: Cluster, groups: set[GroupRef]) -> list[NodePool]:
    return [pool for pool in cluster.pools if groups.intersection(pool.groups)]


def _named(cluster: Cluster, names: Iterable[str]) -> set[GroupRef]:
    """The groups of the cluster that these names, NAME or ZONE/NAME, mean."""
    wanted = set(names)
    return {
        group
        for pool in cluster.pools
        for group in pool.groups
        if group.name in wanted or f"{group.zone}/{group.name}" in wanted
    }


def _names(spec: Mapping[str, Any]) -> list[str]:
    """Of a provisioner that may be wrong in any way: its groups are still named."""
    named = spec.get("existingInstanceGroupNames")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
