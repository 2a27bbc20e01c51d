"""A new rollout: planned from what GKE says now, stored once, superseding an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage
from poolwright.rollouts import plan
from poolwright.rollouts.rollout import Policy, Rollout, Target, Wave, decode, encode
from poolwright.services.ports import Conflict, Missing, Ports
from poolwright.services.records import record
from poolwright.services.work import publish, rollout_work

if TYPE_CHECKING:
    from poolwright.environments import Environment

COLLECTION = "rollouts"


def all_of(ports: Ports, environment: str) -> list[Rollout]:
    """The rollouts of an environment, oldest first."""
    found = [decode(stored.body) for stored in ports.store.all(COLLECTION)]
    return sorted((each for each in found if each.environment == environment), key=lambda each: (each.created, each.id))


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
) -> str:
    """Store the rollout `key` and ask for its first step; a sentence. A second start of the same key does nothing.

    The environment's mode rules: `observe` only records, `offer` waits for a person's start, `act` begins.
    """
    if environment.mode == "observe":
        what = f"run {image.run_id} would be rolled out; mode is observe"
        record(ports, kind="rollout", subject=key, what=what, cause=cause)
        return f"{key}: {what}"
    waves, excluded = _planned(ports, environment)
    if not waves:
        what = f"run {image.run_id} goes nowhere: {environment.name} has no GPU node pool that is not excluded"
        record(ports, kind="rollout", subject=key, what=what, cause=cause)
        return f"{key}: {what}"
    policy = environment.rollout
    rollout = Rollout(
        id=key,
        environment=environment.name,
        run_id=image.run_id,
        image=image.name,
        waves=waves,
        policy=Policy(
            bake_seconds=policy.bake_seconds,
            node_ready_seconds=policy.node_ready_seconds,
            canary_node=policy.canary_node,
            roll_back_on_failure=policy.on_failure == "rollBack",
        ),
        phase="mutating" if environment.mode == "act" or asked_by_a_person else "offered",
        excluded=excluded,
        requester=requester,
        cause=cause,
        commanded=commanded,
        created=ports.clock.now(),
        reason="planned",
    )
    try:
        ports.store.put(COLLECTION, key, encode(rollout), version=None)
    except Conflict:
        publish(ports, rollout_work(key, cause=cause))
        return f"{key} was started already"
    groups = sum(len(wave.targets) for wave in waves)
    record(
        ports, kind="rollout", subject=key, what=f"{rollout.phase}: {groups} groups in {len(waves)} waves",
        cause=cause, once="planned", requester=requester, runId=image.run_id, excluded=excluded,
    )  # fmt: skip
    if rollout.phase == "offered":
        return f"{key} waits for a person's start"
    publish(ports, rollout_work(key, cause=cause))
    return f"{key} begins: {groups} groups in {len(waves)} waves"


def _planned(ports: Ports, environment: Environment) -> tuple[tuple[Wave, ...], dict[str, str]]:
    targets: list[Target] = []
    excluded: dict[str, str] = {}
    for ref in environment.cluster_refs():
        try:
            pools = ports.gke.cluster(ref).pools
        except Missing:
            excluded[str(ref)] = "GKE knows no such cluster"
            continue
        for pool in pools:
            if not pool.takes_boot_images:
                continue
            why = environment.exclude.excludes(
                pool=pool.ref.name,
                machine_type=pool.machine_type,
                accelerators=pool.accelerators,
                labels=pool.labels,
            )
            if why:
                excluded[str(pool.ref)] = why
                continue
            targets += [Target(group=str(group), pool=str(pool.ref)) for group in pool.groups]
    return plan.waves(targets, fractions=environment.rollout.waves), excluded
