"""The once-a-minute look around: whatever an event missed gets its `work` message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from poolwright import metrics, traces
from poolwright.environments import Environment
from poolwright.events.tick import Tick
from poolwright.events.work import ClusterWork, RetentionWork, Work
from poolwright.references import ClusterRef
from poolwright.services import (
    closed_nodes,
    find_drift,
    image_built,
    known_rollouts,
    replace_members,
    request_build,
    retention,
    stop,
)
from poolwright.services.ports import Ports, Weather
from poolwright.services.work import provisioner_work, publish, rollout_work
from poolwright.verdicts import Busy, Verdict

log = logging.getLogger(__name__)

BUILDS_SINCE_SECONDS = 24 * 3600.0  # a message lost for longer is a person's to replace


def handle(event: Tick, ports: Ports) -> str:
    """Publish work for unfinished rollouts, builds nobody took, drifting groups and provisioners. Trouble in one
    place does not keep the tick from the others; while poolwright is stopped nothing is asked for."""
    if why := stop.stopped(ports):
        metrics.brake("stopped")
        return f"nothing is asked for: {why}"
    asked = 0
    for look in (look for each in ports.environments for look in _looks(each)):
        try:
            for work in look.find(ports):
                publish(ports, work)
                asked += 1
        except Busy as reason:
            log.warning("the tick goes on without one look: %s", reason)
            metrics.unseen(look.environment, look.at, look.cluster)
        except Exception:  # what is wrong with one cluster must not keep the others from being healed
            log.exception("the tick goes on without one look")
            metrics.unseen(look.environment, look.at, look.cluster)
    return f"{asked} steps asked for"


@dataclass(frozen=True)
class Look:
    """One look around an environment; `cluster`: where it is at one of its clusters, whole name."""

    environment: str
    at: metrics.Look
    find: Callable[[Ports], Iterator[Work]]
    cluster: str = ""


def _looks(environment: Environment) -> Iterator[Look]:
    name = environment.name
    yield Look(name, "rollouts", partial(_rollouts, environment=environment))
    yield Look(name, "builds", partial(_builds, environment=environment))
    yield Look(name, "groups", partial(find_drift.groups, environment=environment))
    yield Look(name, "replacements", partial(replace_members.start, environment=environment))
    yield Look(name, "retention", partial(_retention, environment=environment))
    for ref in environment.cluster_refs():
        yield Look(name, "provisioners", partial(_provisioners, ref=ref), str(ref))
    for ref in environment.cluster_refs():
        yield Look(name, "closed nodes", partial(_closed_nodes, ref=ref), str(ref))


def _rollouts(ports: Ports, environment: Environment) -> Iterator[Work]:
    for rollout in known_rollouts.tidied(ports, environment.name):
        if not rollout.settled and rollout.phase != "offered":
            with traces.following(rollout.trace):  # also where it waited for this tick
                yield rollout_work(rollout.id, cause="tick")


def _builds(ports: Ports, environment: Environment) -> Iterator[Work]:
    """Builds that were decided and never submitted, and builds that ended and that nobody has told us about."""
    request_build.complete(ports, environment)
    found = ports.cloud_build.builds(
        environment.project,
        environment.build_location,
        tags=(image_built.TAG, environment.name),
        since=ports.clock.now() - BUILDS_SINCE_SECONDS,
    )
    for build in found:
        if ports.store.get(image_built.COLLECTION, build.id) is None:
            try:
                image_built.take(ports, environment=environment, build=build, cause=f"tick {build.id}")
            except Weather:
                raise
            except Verdict:
                continue  # it goes on, its image is not ready yet, or it is on record as refused
    yield from ()


def _retention(ports: Ports, environment: Environment) -> Iterator[Work]:
    if retention.is_due(ports, environment):
        yield RetentionWork(environment=environment.name, cause="tick")


def _provisioners(ports: Ports, ref: ClusterRef) -> Iterator[Work]:
    for body in ports.clusters.kubernetes(ref).provisioners():
        yield provisioner_work(ref, body["metadata"]["name"], cause="tick")


def _closed_nodes(ports: Ports, ref: ClusterRef) -> Iterator[Work]:
    """The cluster, where nodes of it are closed in our name."""
    if closed_nodes.is_due(ports, ref):
        yield ClusterWork(project=ref.project, location=ref.location, cluster=ref.name, cause="tick")
