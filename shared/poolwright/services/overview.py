"""The whole fleet, as people look at it on one page: every environment, cluster, node pool and instance group, and
which groups are not where they should be. Read-only; nothing of it is remembered: what does not answer is unknown.

Calls, however many pools, groups and rollouts there are: one a cluster to GKE and one to the cluster, one (in pages) a
project for all groups. Of the store: the stop, refusals and drift once, and of each environment what is released and
the rollouts under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

import msgspec

from poolwright.references import ClusterRef, GroupRef, last_part
from poolwright.rollouts.rollout import Rollout
from poolwright.services import drift, fleet, known_rollouts, obstacles, progress, refusals, released, states_seen, stop
from poolwright.services.at_once import Unknown, at_once
from poolwright.services.drift import Drift
from poolwright.services.fleet import Fleet
from poolwright.services.node_pools import left_alone
from poolwright.services.obstacles import Obstacle
from poolwright.services.ports import Cluster, Json, NodePool, Ports
from poolwright.services.reasons import Shared, shared
from poolwright.services.released import Released
from poolwright.services.states_seen import ClusterState
from poolwright.services.status import NotOn, OldNodes, OnRun, not_on, run_of

if TYPE_CHECKING:
    from poolwright.environments import Environment

Known = Literal["known", "unknown", "missing"]


class GroupSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance group. `nodes` is its target and None where nothing is known of it; `run_id` None: GKE's own
    template; `state`: that of a rollout's target where one has it in hand (rollouts/rollout.py), else `right`, `as it
    is` where nothing is released, or the kind of reason why it is not on the released run; `old_nodes`: how many nodes
    were made from another template."""

    group: str
    zone: str
    nodes: int | None
    run_id: int | None
    state: str
    old_nodes: int


class PoolSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node pool with GPUs. `left_alone`: why no image of ours goes to it, empty where one may."""

    pool: str
    status: str
    version: str
    machine_type: str
    accelerators: tuple[str, ...]
    gpus_per_node: int
    spot: bool
    autoscaling: bool
    left_alone: str
    groups: tuple[GroupSeen, ...]


class ClusterSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A cluster. `known`: whether GKE says anything of it, else `reason` says why not; `state`: what its people allow,
    None where nobody could be asked; `other_pools`: how many pools have no GPUs, or are reference pools."""

    cluster: str
    location: str
    known: Known
    reason: str
    status: str
    state: ClusterState | None
    pools: tuple[PoolSeen, ...]
    other_pools: int


class UnderWay(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rollout that is not over."""

    id: str
    phase: str
    paused: bool
    reason: str


class EnvironmentSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An environment. `released_run_id` 0: no rollout has ended well yet; `on`: how many groups are on which run, those
    of which nothing is known left out; `unknown`: how many these are."""

    environment: str
    project: str
    mode: str
    released_run_id: int
    released_image: str
    pinned_run_id: int | None
    obstacles: tuple[Obstacle, ...]
    on: tuple[OnRun, ...]
    unknown: int
    under_way: tuple[UnderWay, ...]
    clusters: tuple[ClusterSeen, ...]
    not_on: tuple[NotOn, ...]
    old_nodes: tuple[OldNodes, ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`as_of` in seconds since the epoch; `stopped`: why nothing is done anywhere, empty where it may be."""

    as_of: float
    stopped: str
    environments: tuple[EnvironmentSeen, ...]


class Drifted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What of an environment is not where it should be; `unread`: in sentences, what nothing is known of."""

    environment: str
    released_run_id: int
    released_image: str
    not_on: tuple[Shared, ...]
    old_nodes: tuple[OldNodes, ...]
    unread: tuple[str, ...]


class Drifts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The same of all of them; times as in `Overview`."""

    as_of: float
    stopped: str
    environments: tuple[Drifted, ...]


def drift_of(found: Overview) -> Drifts:
    """What of an overview is drift: each reason once, with the groups that it holds for."""
    return Drifts(
        as_of=found.as_of,
        stopped=found.stopped,
        environments=tuple(
            Drifted(
                environment=each.environment,
                released_run_id=each.released_run_id,
                released_image=each.released_image,
                not_on=shared((one.kind, one.reason, one.group) for one in each.not_on),
                old_nodes=each.old_nodes,
                unread=tuple(_unread(each)),
            )
            for each in found.environments
        ),
    )


def _unread(environment: EnvironmentSeen) -> Iterator[str]:
    for each in environment.clusters:
        if each.known == "unknown":
            yield f"{each.cluster} in {each.location}: {each.reason}"
        elif each.known == "missing":
            yield f"GKE knows no cluster {each.cluster} in {each.location}"


def read(ports: Ports) -> Overview:
    """Every environment. Weather where the store does not answer."""
    as_of, stopped = ports.clock.now(), stop.stopped(ports)
    refused, behind = refusals.known(ports), [each for each in drift.everywhere(ports) if each.members]
    fleets = at_once({each.name: partial(fleet.glance, ports, each) for each in ports.environments})
    seen = {name: found for name, found in fleets.items() if isinstance(found, Fleet)}
    states = _states(ports, [cluster for each in seen.values() for cluster in each.clusters])
    return Overview(
        as_of=as_of,
        stopped=stopped,
        environments=tuple(
            _View(ports, each, seen[each.name], states, refused, behind).environment_seen()
            for each in ports.environments
        ),
    )


def _states(ports: Ports, clusters: list[Cluster]) -> dict[ClusterRef, ClusterState | None]:
    """What the people of each cluster allow; None for an Autopilot cluster, which has no nodes of ours."""
    found = at_once({each.ref: partial(states_seen.read, ports, [each]) for each in clusters})
    return {ref: _state(ref, answer) for ref, answer in found.items()}


def _state(ref: ClusterRef, answer: tuple[ClusterState, ...] | Unknown) -> ClusterState | None:
    if isinstance(answer, Unknown):
        return states_seen.unknown(ref, answer.why)
    return answer[0] if answer else None


@dataclass(frozen=True)
class _View:
    """One environment, from what was read of it and of all."""

    ports: Ports
    environment: Environment
    fleet: Fleet
    states: Mapping[ClusterRef, ClusterState | None]
    refused: Mapping[str, Json]
    behind: Sequence[Drift]

    def environment_seen(self) -> EnvironmentSeen:
        environment, members = self.environment, list(self.fleet.members())
        runs = Counter(run_of(each.group) for each in members if each.group)
        return EnvironmentSeen(
            environment=environment.name,
            project=environment.project,
            mode=environment.mode,
            released_run_id=self._current.run_id,
            released_image=self._current.image,
            pinned_run_id=environment.run_id,
            obstacles=(
                *obstacles.of_policy(self.ports, environment),
                *obstacles.of_clusters(environment, self.fleet.clusters),
            ),
            on=tuple(
                OnRun(run_id=run, groups=runs[run]) for run in sorted(runs, key=lambda run: run or 0, reverse=True)
            ),
            unknown=sum(each.group is None for each in members),
            under_way=tuple(
                UnderWay(id=each.id, phase=each.phase, paused=each.paused, reason=each.reason)
                for each in self._under_way[::-1]
            ),
            clusters=tuple(self._cluster(ref) for ref in environment.cluster_refs()),
            not_on=self._not_on,
            old_nodes=tuple(
                OldNodes(group=last_part(each.group), nodes=len(each.members), since=each.since)
                for each in self.behind
                if each.environment == environment.name
            ),
        )

    def _cluster(self, ref: ClusterRef) -> ClusterSeen:
        found = next((each for each in self.fleet.clusters if each.ref == ref), None)
        pools = found.pools if found else ()
        return ClusterSeen(
            cluster=ref.name,
            location=ref.location,
            known="known" if found else "missing" if ref in self.fleet.missing else "unknown",
            reason=self.fleet.unknown.get(ref, ""),
            status=found.status if found else "",
            state=self.states.get(ref),
            pools=tuple(self._pool(each) for each in pools if each.takes_boot_images),
            other_pools=sum(not each.takes_boot_images for each in pools),
        )

    def _pool(self, pool: NodePool) -> PoolSeen:
        return PoolSeen(
            pool=pool.ref.name,
            status=pool.status,
            version=pool.version,
            machine_type=pool.machine_type,
            accelerators=pool.accelerators,
            gpus_per_node=pool.gpus_per_node,
            spot=pool.spot,
            autoscaling=pool.autoscaling,
            left_alone=left_alone(self.environment, pool),
            groups=tuple(self._group(ref) for ref in pool.groups),
        )

    def _group(self, ref: GroupRef) -> GroupSeen:
        found, run = self.fleet.groups.get(ref), self._current.run_id
        usual = self._moving.get(str(ref)) or ("right" if run else "as it is")
        return GroupSeen(
            group=ref.name,
            zone=ref.zone,
            nodes=int(found.raw.get("targetSize") or 0) if found else None,
            run_id=run_of(found),
            state=self._kinds.get((ref.zone, ref.name), usual),
            old_nodes=self._old.get(str(ref), 0),
        )

    @cached_property
    def _current(self) -> Released:
        return released.read(self.ports, self.environment)

    @cached_property
    def _under_way(self) -> tuple[Rollout, ...]:
        """The rollouts that are not over, oldest first; of those that change groups, with how far each group is."""
        ports = self.ports
        found = [each for each in known_rollouts.unfinished(ports, self.environment.name) if not each.finished]
        return tuple(each if each.phase == "offered" else progress.merged(ports, each) for each in found)

    @cached_property
    def _not_on(self) -> tuple[NotOn, ...]:
        return not_on(self.environment, self.fleet.members(), self._current, self._under_way, self.refused)

    @cached_property
    def _kinds(self) -> dict[tuple[str, str], str]:
        return {(each.zone, each.group): each.kind for each in self._not_on}

    @cached_property
    def _moving(self) -> dict[str, str]:
        """How far a group is that a rollout has in hand."""
        begun = [each for each in self._under_way if each.phase != "offered"]
        return {target.group: target.state for rollout in begun for target in rollout.targets}

    @cached_property
    def _old(self) -> dict[str, int]:
        return {each.group: len(each.members) for each in self.behind}
