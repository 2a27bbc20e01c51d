"""An environment's node pools, and the boot image each of their groups is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from poolwright.boot_images.mutation import run_id_of
from poolwright.boot_images.resources import InstanceGroup
from poolwright.references import GroupRef, last_part
from poolwright.services import fleet, released
from poolwright.services.ports import NodePool, Ports

if TYPE_CHECKING:
    from poolwright.environments import Environment


class Group(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance group. `size` is its target; `run_id` is None on GKE's own template; `held`: why it stays there."""

    group: str
    zone: str
    size: int
    template: str
    run_id: int | None
    update_type: str
    held: str


class Pool(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node pool. `left_alone`: why nothing here is ever changed, empty where it may be."""

    cluster: str
    location: str
    pool: str
    status: str
    version: str
    machine_type: str
    accelerators: tuple[str, ...]
    gpus_per_node: int
    autoscaling: bool
    left_alone: str
    groups: tuple[Group, ...]


class Pools(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`missing_clusters`: GKE does not know them."""

    environment: str
    missing_clusters: tuple[str, ...]
    pools: tuple[Pool, ...]


def listed(ports: Ports, environment: Environment) -> Pools:
    """Every node pool of the environment's clusters, those without GPUs too. Weather."""
    seen = fleet.look(ports, environment)
    held = released.read(ports, environment).held
    pools = [
        Pool(
            cluster=cluster.ref.name,
            location=cluster.ref.location,
            pool=pool.ref.name,
            status=pool.status,
            version=pool.version,
            machine_type=pool.machine_type,
            accelerators=pool.accelerators,
            gpus_per_node=pool.gpus_per_node,
            autoscaling=pool.autoscaling,
            left_alone=left_alone(environment, pool),
            groups=tuple(_group(ref, seen.groups.get(ref), held.get(str(ref), "")) for ref in pool.groups),
        )
        for cluster in seen.clusters
        for pool in cluster.pools
    ]
    return Pools(environment=environment.name, missing_clusters=tuple(map(str, seen.missing)), pools=tuple(pools))


def left_alone(environment: Environment, pool: NodePool) -> str:
    """Why a node pool is never changed, empty where it may be."""
    if pool.unfit:
        return pool.unfit
    rule = environment.exclude.excludes(
        pool=pool.ref.name, machine_type=pool.machine_type, accelerators=pool.accelerators, labels=pool.labels
    )
    return rule or ""


def _group(ref: GroupRef, group: InstanceGroup | None, held: str) -> Group:
    template = last_part(group.templates[0]) if group and group.templates else ""
    return Group(
        group=ref.name,
        zone=ref.zone,
        size=int(group.raw.get("targetSize") or 0) if group else 0,
        template=template,
        run_id=run_id_of(template),
        update_type=group.update_type if group else "",
        held=held,
    )
