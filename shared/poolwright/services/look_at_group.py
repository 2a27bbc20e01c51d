"""One instance group, as an event or a tick names it: brought to what its environment has released."""

from __future__ import annotations

from poolwright import environments
from poolwright.boot_images.resources import InstanceGroup
from poolwright.environments import Environment
from poolwright.events.work import GroupWork
from poolwright.references import ClusterRef, GroupRef, PoolRef
from poolwright.services import drift, intents, known_rollouts, leases, mutate_group, progress, released, state
from poolwright.services.mutate_group import Outcome
from poolwright.services.ports import Missing, Ports
from poolwright.services.work import Done
from poolwright.verdicts import Irrelevant


def handle(work: GroupWork, ports: Ports) -> Done:
    """Bring the group to what its environment has released, and look at its members. Irrelevant, Busy, Weather."""
    group = GroupRef(work.project, work.zone, work.name)
    ref = ClusterRef(work.project, work.location, work.cluster)
    environment = environments.of_cluster(ports.environments, ref)
    if environment is None:
        raise Irrelevant(f"no environment has {ref}")
    _complete_record(ports, group)
    outcome = _bring_to_released(ports, environment, ref, group, cause=work.cause)
    if outcome.kind != "changed":
        drift.look(ports, environment, group, PoolRef(ref, work.pool), seen=outcome.group, cause=work.cause)
    return Done(f"{group.name}: {outcome.kind}: {outcome.reason}")


def _complete_record(ports: Ports, group: GroupRef) -> None:
    """Whatever the group's environment wants by now: what somebody began at it, and is not at any more, is recorded to
    its end."""
    left = intents.find(ports, str(group))
    if left is None or not left.is_abandoned(now=ports.clock.now()):
        return
    with leases.Holding(ports, leases.of_group(group)):
        try:
            raw = InstanceGroup(ports.compute.group(group))
        except Missing:
            intents.complete(ports, str(group), happened=lambda left: False)
            return
        intents.complete(ports, str(group), happened=lambda left: raw.points_at(left.effect.after))


def _bring_to_released(
    ports: Ports, environment: Environment, ref: ClusterRef, group: GroupRef, *, cause: str
) -> Outcome:
    wanted, why = _wanted(ports, environment, group)
    if not wanted:
        return Outcome("left alone", why)
    image = released.image(ports, environment, wanted)
    if image is None:
        return Outcome("left alone", f"image {wanted} is gone; start a rollout of a newer one")
    acts = environment.mode == "act"
    if acts and (problem := state.of_cluster(ports, ref).problem):
        return Outcome("left alone", problem)
    cluster, pool = mutate_group.pool_of(ports, ref, group)
    if not pool.takes_boot_images:  # an operation on the cluster tells of all its pools
        return Outcome("left alone", f"node pool {pool.ref.name}: {pool.unfit}")
    return mutate_group.bring_to_image(
        ports, environment=environment, cluster=cluster, pool=pool, group=group, image=image, cause=cause,
        act=acts,
    )  # fmt: skip


def _wanted(ports: Ports, environment: Environment, group: GroupRef) -> tuple[str, str]:
    """The image the group should be on: of a rollout that has changed it, else the released one; or why none."""
    for rollout in reversed(known_rollouts.unfinished(ports, environment.name)):
        if rollout.finished or rollout.phase == "offered" or all(each.group != str(group) for each in rollout.targets):
            continue
        target, _ = progress.load(ports, rollout, str(group))
        if rollout.phase == "rolling back" and (target.touched or target.state == "rolled back"):
            return "", f"{rollout.id} is rolling back"
        if target.state == "mutated":
            return rollout.image, rollout.id
        if rollout.left_to_do(target) or target.state == "failed":
            return "", f"{rollout.id} is at it"
    current = released.read(ports, environment)
    if not current.run_id:
        return "", f"{environment.name} has no released boot image yet"
    if environment.run_id is not None and current.run_id > environment.run_id:
        return "", f"{environment.name} is pinned to run {environment.run_id}, and run {current.run_id} is released"
    if why := current.held.get(str(group)):
        return "", why
    return current.image, "released"
