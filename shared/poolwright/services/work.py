"""Publishing the next step, and what a step reports when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poolwright.events import work
from poolwright.references import ClusterRef, GroupRef, PoolRef
from poolwright.services.ports import Ports


@dataclass(frozen=True)
class Done:
    """What a step did, in a sentence, and whether there is a next one to take at once."""

    sentence: str
    again: bool = False


def publish(ports: Ports, item: work.Work) -> None:
    """Ask for a step. Weather."""
    data, attributes = work.encode(item)
    ports.publisher.publish(ports.work_topic, data, attributes)


def publish_all(ports: Ports, items: Sequence[work.Work]) -> None:
    """Ask for many steps. Weather."""
    ports.publisher.publish_all(ports.work_topic, [work.encode(item) for item in items])


def group_work(group: GroupRef, pool: PoolRef, *, cause: str) -> work.GroupWork:
    """Look at this group."""
    cluster = pool.cluster
    return work.GroupWork(
        project=group.project,
        zone=group.zone,
        name=group.name,
        location=cluster.location,
        cluster=cluster.name,
        pool=pool.name,
        cause=cause,
    )


def provisioner_work(cluster: ClusterRef, name: str, *, cause: str) -> work.ProvisionerWork:
    """Look at this provisioner."""
    return work.ProvisionerWork(
        project=cluster.project, location=cluster.location, cluster=cluster.name, name=name, cause=cause
    )


def rollout_work(rollout: str, *, cause: str) -> work.RolloutWork:
    """Take this rollout's next step."""
    return work.RolloutWork(rollout=rollout, cause=cause)
