"""A new rollout: planned from what GKE says now, stored once, superseding an older one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from poolwright import traces
from poolwright.boot_images.image import BootImage
from poolwright.rollouts import outbox, plan
from poolwright.rollouts.rollout import Policy, Rollout, Target, encode
from poolwright.services import known_rollouts, released, rollout_counts
from poolwright.services.ports import Conflict, Missing, Ports
from poolwright.services.records import record, tell
from poolwright.services.work import publish, rollout_work
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment


def start(
    ports: Ports,
    *,
    environment: Environment,
    image: BootImage,
    key: str,
    cause: str,
    requester: str = "",
    asked_by_a_person: bool = False,
    commanded: tuple[str, str] = ("", ""),
    groups: Sequence[str] = (),
) -> str:
    """Store the rollout `key` and ask for its first step; a sentence. A second start of the same key does nothing.

    The environment's mode rules: `observe` only records, `offer` waits for a person's start, `act` begins. Another run
    than the environment is pinned to goes nowhere, and so does one for which nothing is to be done. `groups`: the names
    of those that are meant, all if none. Refused.
    """
    if environment.run_id not in (None, image.run_id):
        return _pinned(ports, environment, image, key, cause=cause, asked_by_a_person=asked_by_a_person)
    nowhere = partial(_nowhere, ports, environment, key, cause=cause, requester=requester, message_id=commanded[1])
    if environment.mode == "observe":
        return nowhere(f"run {image.run_id} would be rolled out; mode is observe")
    if ports.store.get(known_rollouts.COLLECTION, key) is not None:
        return _started_already(ports, key, cause=cause)
    targets, excluded = targets_of(ports, environment)
    if groups:
        targets = plan.chosen(targets, groups, excluded=excluded)
    if not targets:
        return nowhere(f"run {image.run_id} goes nowhere: {environment.name} has no GPU node pool that is not excluded")
    again = _again(ports, environment, image, key, {each.group for each in targets})
    if again.is_released:
        if again.right and asked_by_a_person:  # he takes them, held or not
            released.release(
                ports, environment.name, run_id=image.run_id, image=image.name, groups=again.right, cause=cause,
                requester=requester,
            )  # fmt: skip
        targets = [each for each in targets if each.group not in again.right]
    if not targets or (groups and again.proven_before and len(again.right) == len(targets)):
        count = len(again.right)
        return nowhere(f"nothing to do: all {count} groups are on run {image.run_id} already")
    rollout = Rollout(
        id=key,
        environment=environment.name,
        run_id=image.run_id,
        image=image.name,
        waves=plan.waves(targets, fractions=environment.rollout.waves, right=again.right),
        policy=policy_of(environment),
        phase="mutating" if environment.mode == "act" or asked_by_a_person else "offered",
        chosen=bool(groups),
        proven_before=again.proven_before,
        excluded=excluded,
        requester=requester,
        cause=cause,
        commanded=commanded,
        created=ports.clock.now(),
        reason="planned",
    )
    what = f"{rollout.phase}: {len(targets)} groups in {len(rollout.waves)} waves"
    return store(ports, rollout, what=what)


def store(ports: Ports, rollout: Rollout, *, what: str) -> str:
    """Store a new rollout with its first record, and ask for its first step; a sentence."""
    known = known_rollouts.unfinished(ports, rollout.environment)
    rivals = [each for each in known if not each.finished and each.id != rollout.id]
    begun = [each.id for each in rivals if each.phase not in ("offered", "rolling back")]
    supersedes = "" if rollout.phase == "offered" or rollout.kind == "roll-back" else ", ".join(begun)
    rollout = msgspec.structs.replace(rollout, trace=traces.current())
    noted = outbox.entered(
        rollout, now=rollout.created, cause=rollout.cause, what=what, requester=rollout.requester,
        why=f"supersedes {supersedes}" if supersedes else rollout.reason, after=outbox.place(rollout),
        excluded=rollout.excluded,
    )  # fmt: skip
    known_rollouts.enter(ports, rollout.environment, rollout.id)
    try:
        ports.store.put(known_rollouts.COLLECTION, rollout.id, encode(noted), version=None)
    except Conflict:
        return _started_already(ports, rollout.id, cause=rollout.cause)
    rollout_counts.count(None, rollout)
    if rollout.phase == "offered":
        tell(ports, noted.outbox)  # a tick does not come by while it waits
        return f"{rollout.id} waits for a person's start"
    for each in rivals:
        if each.id in begun:
            publish(ports, rollout_work(each.id, cause=f"superseded by {rollout.id}"))
    publish(ports, rollout_work(rollout.id, cause=rollout.cause))
    return f"{rollout.id} begins: {what.partition(': ')[2]}"


def _started_already(ports: Ports, key: str, *, cause: str) -> str:
    publish(ports, rollout_work(key, cause=cause))
    return f"{key} was started already"


@dataclass(frozen=True)
class _Again:
    """What earlier rollouts of a run have left to do: `right` groups need no change."""

    is_released: bool = False
    proven_before: bool = False
    right: Collection[str] = ()


def _again(ports: Ports, environment: Environment, image: BootImage, key: str, among: Collection[str]) -> _Again:
    """A run that goes out for the first time costs no look at the groups."""
    is_released = released.read(ports, environment).run_id == image.run_id
    first = f"{environment.name}-{image.run_id}"
    if not is_released and (key == first or ports.store.get(known_rollouts.COLLECTION, first) is None):
        return _Again()
    from poolwright.services import deciding

    right = deciding.right_already(ports, environment, image, among)
    earlier = [] if is_released else known_rollouts.all_of(ports, environment.name)
    ended_well = [each for each in earlier if each.run_id == image.run_id and each.phase == "done"]
    proven = is_released or any(each.proven for each in ended_well)
    return _Again(is_released, proven, right)


def policy_of(environment: Environment) -> Policy:
    """What a rollout keeps of its environment's policy."""
    policy = environment.rollout
    return Policy(
        bake_seconds=policy.bake_seconds,
        node_ready_seconds=policy.node_ready_seconds,
        canary_node=policy.canary_node,
        roll_back_on_failure=policy.on_failure == "rollBack",
        node_policy=policy.node_policy,
        max_unavailable=policy.max_unavailable,
        max_surge=policy.max_surge,
        drain_seconds=policy.drain_seconds,
    )


def targets_of(
    ports: Ports, environment: Environment, *, also_excluded: bool = False
) -> tuple[list[Target], dict[str, str]]:
    """Every instance group of the environment's GPU pools, as GKE says now, and which pools are left alone, and why.
    `also_excluded`: what is excluded now may have been on our image before."""
    targets: list[Target] = []
    excluded: dict[str, str] = {}
    for ref in environment.cluster_refs():
        try:
            cluster = ports.gke.cluster(ref)
        except Missing:
            excluded[str(ref)] = "GKE knows no such cluster"
            continue
        if cluster.autopilot:
            excluded[str(ref)] = "an Autopilot cluster, whose nodes are Google's own"
        for pool in cluster.pools:
            if not pool.takes_boot_images:
                continue
            why = environment.exclude.excludes(
                pool=pool.ref.name,
                machine_type=pool.machine_type,
                accelerators=pool.accelerators,
                labels=pool.labels,
            )
            if why and not also_excluded:
                excluded[str(pool.ref)] = why
                continue
            targets += [Target(group=str(group), pool=str(pool.ref)) for group in pool.groups]
    return targets, excluded


def _pinned(
    ports: Ports, environment: Environment, image: BootImage, key: str, *, cause: str, asked_by_a_person: bool
) -> str:
    why = f"{environment.name} is pinned to run {environment.run_id}"
    if asked_by_a_person:
        remedy = f"Start run {environment.run_id}, or change runId in environments/{environment.name}.yaml"
        raise Refused("runId", f"is {image.run_id}, but {why}", remedy)
    return _nowhere(ports, environment, key, f"run {image.run_id} is not rolled out: {why}", cause=cause)


def _nowhere(
    ports: Ports,
    environment: Environment,
    key: str,
    what: str,
    *,
    cause: str,
    requester: str = "",
    message_id: str = "",
) -> str:
    """On record; of a person's command (`message_id`) where whoever waits for its answer looks."""
    if message_id:
        record(
            ports, kind="command", subject=environment.name, what="start changed nothing", why=what, cause=cause,
            requester=requester, environment=environment.name, once=message_id,
        )  # fmt: skip
    else:
        record(
            ports, kind="rollout", subject=key, what=what, cause=cause, requester=requester,
            environment=environment.name,
        )  # fmt: skip
    return f"{key}: {what}"
