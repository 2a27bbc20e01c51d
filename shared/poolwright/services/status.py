"""Where an environment is, on one page: what is released, what is under way, what is held back, and why. Read-only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from poolwright.boot_images.mutation import run_id_of
from poolwright.boot_images.resources import InstanceGroup
from poolwright.references import GroupRef, last_part
from poolwright.rollouts.rollout import Rollout
from poolwright.services import (
    drift,
    fleet,
    known_rollouts,
    obstacles,
    progress,
    refusals,
    released,
    rollout_seen,
    states_seen,
)
from poolwright.services.fleet import Member
from poolwright.services.node_pools import left_alone
from poolwright.services.obstacles import Obstacle
from poolwright.services.ports import Json, Ports
from poolwright.services.rollout_seen import RolloutSeen
from poolwright.services.states_seen import ClusterState

if TYPE_CHECKING:
    from poolwright.environments import Environment

_ENDED = 5  # rollouts that are over, the newest ones


class OnRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many instance groups are on a run; `run_id` None: on GKE's own template."""

    run_id: int | None
    groups: int


class NotOn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance group that is not on the released run. `kind`: the kind of refusal, `held`, or `drifted` where the
    next tick takes it back."""

    group: str
    zone: str
    cluster: str
    pool: str
    kind: str
    reason: str


class OldNodes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance group with nodes that were made from another template than the group points at now; `since` in
    seconds since the epoch. They stay until they are replaced, or repaired from the template they were made with."""

    group: str
    nodes: int
    since: float


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One environment. `released_run_id` 0: no rollout has ended well yet. `under_way` and `ended`: newest first."""

    environment: str
    mode: str
    obstacles: tuple[Obstacle, ...]
    released_run_id: int
    released_image: str
    pinned_run_id: int | None
    groups: tuple[OnRun, ...]
    not_on: tuple[NotOn, ...]
    old_nodes: tuple[OldNodes, ...]
    under_way: tuple[RolloutSeen, ...]
    ended: tuple[RolloutSeen, ...]
    missing_clusters: tuple[str, ...]
    states: tuple[ClusterState, ...]


class Statuses(msgspec.Struct, frozen=True, kw_only=True):
    """Those that were asked for, in the order of their names."""

    environments: tuple[Status, ...]


def read(ports: Ports, environment: Environment) -> Status:
    """Calls: one a cluster to GKE and one to the cluster, and one (in pages) for all groups of the project. Weather."""
    current = released.read(ports, environment)
    seen = fleet.look(ports, environment)
    members = list(seen.members())
    rollouts = known_rollouts.all_of(ports, environment.name)[::-1]
    under_way = tuple(progress.merged(ports, each) for each in rollouts if not each.finished)
    ended = tuple(each for each in rollouts if each.finished)
    runs = Counter(run_of(member.group) for member in members)
    return Status(
        environment=environment.name,
        mode=environment.mode,
        obstacles=(
            *obstacles.of_environment(ports, environment),
            *obstacles.of_clusters(environment, seen.clusters),
        ),
        released_run_id=current.run_id,
        released_image=current.image,
        pinned_run_id=environment.run_id,
        groups=tuple(
            OnRun(run_id=run, groups=runs[run]) for run in sorted(runs, key=lambda run: run or 0, reverse=True)
        ),
        not_on=not_on(environment, members, current, under_way, refusals.known(ports)),
        old_nodes=tuple(
            OldNodes(group=last_part(each.group), nodes=len(each.members), since=each.since)
            for each in drift.known(ports, environment.name)
        ),
        under_way=tuple(rollout_seen.seen(each) for each in under_way),
        ended=tuple(rollout_seen.seen(progress.merged(ports, each)) for each in ended[:_ENDED]),
        missing_clusters=tuple(map(str, seen.missing)),
        states=states_seen.read(ports, seen.clusters),
    )


def run_of(group: InstanceGroup | None) -> int | None:
    """The run that the group points at; None on GKE's own template, and where it is not known."""
    return run_id_of(last_part(group.templates[0])) if group and group.templates else None


def not_on(
    environment: Environment,
    members: Iterable[Member],
    current: released.Released,
    under_way: tuple[Rollout, ...],
    refused: Mapping[str, Json],
) -> tuple[NotOn, ...]:
    """Groups with a reason not to be on the released run, in the order in which the reasons count. `under_way` with
    their targets merged; `refused`: remembered refusals, by group."""
    targets = {target.group: (rollout, target) for rollout in under_way for target in rollout.targets}
    found = []
    for member in members:
        key = str(member.ref)
        if alone := left_alone(environment, member.pool):
            found.append(_reason(member.ref, member, "excluded", alone))
        elif member.group is None:
            found.append(_reason(member.ref, member, "unknown", member.absence))
        elif member.group.update_type == "PROACTIVE" and not _replaces(environment):
            text = "update type PROACTIVE: a new template would replace its nodes at once"
            found.append(_reason(member.ref, member, "proactive", text))
        elif key in targets:
            rollout, target = targets[key]
            if target.state == "refused":
                kind = refused.get(key, {}).get("kind", "refused")
                found.append(_reason(member.ref, member, kind, f"{rollout.id}: {target.reason}"))
        elif why := current.held.get(key):
            found.append(_reason(member.ref, member, "held", why))
        else:
            found += _remembered_or_drifted(environment, member, current, refused.get(key, {}))
    return tuple(found)


def _remembered_or_drifted(
    environment: Environment, member: Member, current: released.Released, refusal: Json
) -> Iterator[NotOn]:
    """Also of a group that is on the released run, and is kept from following GKE's newer template."""
    fingerprint = member.group.fingerprint if member.group else ""
    run, pinned = current.run_id, environment.run_id
    if refusal and refusals.is_of(refusal, fingerprint, environment):
        yield _reason(member.ref, member, refusal["kind"], refusal["reason"])
    elif run and run_of(member.group) != run and pinned is not None and run > pinned:
        text = f"{environment.name} is pinned to run {pinned}, and run {run} is released"
        yield _reason(member.ref, member, "pinned", text)
    elif run and run_of(member.group) != run:
        yield _reason(member.ref, member, "drifted", f"not on run {run}; the next tick looks at it")


def _replaces(environment: Environment) -> bool:
    return environment.rollout.node_policy == "replace"


def _reason(ref: GroupRef, member: Member, kind: str, reason: str) -> NotOn:
    return NotOn(
        group=ref.name,
        zone=ref.zone,
        cluster=member.cluster.ref.name,
        pool=member.pool.ref.name,
        kind=kind,
        reason=reason,
    )
