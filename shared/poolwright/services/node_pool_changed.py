"""A node pool was created, updated or upgraded: its groups are looked at, one message each."""

from __future__ import annotations

from poolwright import environments
from poolwright.events.node_pool import NodePoolChanged
from poolwright.references import ClusterRef
from poolwright.services.ports import Missing, Ports
from poolwright.services.records import record
from poolwright.services.work import group_work, publish
from poolwright.verdicts import Irrelevant


def handle(event: NodePoolChanged, ports: Ports) -> str:
    """Confirm the pool with GKE and ask for a step on each of its groups. Irrelevant, Weather."""
    ref = _managed(ports, event)
    try:
        cluster = ports.gke.cluster(ref)
    except Missing:
        raise Irrelevant(f"GKE knows no {ref}: it is gone, or the message was made up") from None
    pools = [pool for pool in cluster.pools if event.pool in (None, pool.ref.name)]
    if not pools:
        raise Irrelevant(f"{ref} has no node pool {event.pool}: it is gone, or the message was made up")
    environment = environments.of_cluster(ports.environments, ref)
    cause = f"{event.method} by {event.how} {event.operation}"
    groups = [(pool, group) for pool in pools if pool.takes_boot_images for group in pool.groups]
    for pool, group in groups:
        publish(ports, group_work(group, pool.ref, cause=cause))
    record(
        ports,
        kind="node pool changed",
        environment=environment.name if environment else "",
        subject=str(ref) if event.pool is None else f"{ref}/nodePools/{event.pool}",
        what=f"{event.method}{' failed' if event.failed else ' ended'}; {len(groups)} groups to look at",
        cause=f"{event.subscription} {event.operation}",
        heard=event.how,
    )
    return f"{len(groups)} groups of {ref} to look at"


def _managed(ports: Ports, event: NodePoolChanged) -> ClusterRef:
    """The cluster as its environment names it. Irrelevant."""
    named = ClusterRef(event.project, event.location, event.cluster)
    known = [ref for environment in ports.environments for ref in environment.cluster_refs()]
    found = [ref for ref in known if ref == named]
    if not found and event.project.isdigit():  # notifications know only the project's number
        found = [ref for ref in known if (ref.location, ref.name) == (named.location, named.name)]
        if len(found) > 1:
            found = _same(ports, named, found)
    if not found:
        raise Irrelevant(
            f"no environment has cluster {event.cluster} in {event.location} of project {event.project}; "
            "add it to a file in environments/ if its pools should be kept on our images"
        )
    return found[0]


def _same(ports: Ports, named: ClusterRef, found: list[ClusterRef]) -> list[ClusterRef]:
    """Of clusters that differ only in their projects the one that GKE knows by the project's number."""
    try:
        uid = ports.gke.cluster(named).uid
        return [ref for ref in found if ports.gke.cluster(ref).uid == uid]
    except Missing:
        return []
