"""One step of one rollout: load, observe, decide, act, record."""

from __future__ import annotations

import hashlib

import msgspec

from poolwright import environments
from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.events.work import RolloutWork
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.rollouts import steps
from poolwright.rollouts.gate import BootedNode
from poolwright.rollouts.rollout import Rollout, Target, TargetState, decode, encode
from poolwright.services import leases, mutate_group, released, start_rollout
from poolwright.services.ports import Conflict, Node, Ports
from poolwright.services.records import record
from poolwright.services.work import Done
from poolwright.verdicts import Irrelevant


def handle(work: RolloutWork, ports: Ports) -> Done:
    """Take the rollout's next step. Irrelevant, Busy, Weather."""
    stored = ports.store.get(start_rollout.COLLECTION, work.rollout)
    if stored is None:
        raise Irrelevant(f"there is no rollout {work.rollout}")
    rollout = decode(stored.body)
    environment = environments.by_name(ports.environments, rollout.environment)
    if environment is None:
        raise Irrelevant(f"{rollout.id} is of environment {rollout.environment}, which has no file any more")
    if rollout.canary:
        lease = leases.of_group(GroupRef.parse(rollout.canary_group))
        leases.take(ports, lease, holder=rollout.id, seconds=leases.LONG_SECONDS)
    if not rollout.finished and (newer := _newer(ports, rollout)):
        after = msgspec.structs.replace(rollout, phase="superseded", reason=f"superseded by {newer.id}")
    else:
        nodes = _booted(ports, rollout) if steps.looks_at_nodes(rollout) else []
        step = steps.next_step(rollout, nodes, now=ports.clock.now())
        if isinstance(step, steps.Wait):
            return Done(f"{rollout.id}: {step.reason}")
        after = _act(ports, environment, rollout, step, work.cause)
    if after.phase != rollout.phase:
        _settle(ports, after)
    try:
        ports.store.put(start_rollout.COLLECTION, rollout.id, encode(after), version=stored.version)
    except Conflict:
        return Done(f"{rollout.id} was changed meanwhile; it is looked at again", again=True)
    if (after.phase, after.wave) != (rollout.phase, rollout.wave):
        record(
            ports, kind="rollout", subject=rollout.id, what=f"{after.phase}: {after.current.name}", why=after.reason,
            cause=work.cause, once=f"{after.phase} {after.wave} {after.commanded}", runId=after.run_id,
        )  # fmt: skip
    return Done(f"{rollout.id}: {after.phase}: {after.reason}", again=not after.settled)


def _newer(ports: Ports, rollout: Rollout) -> Rollout | None:
    """The rollout that takes this one's place: a later one of the environment that has begun."""
    if rollout.phase == "rolling back":
        return None
    for other in reversed(start_rollout.all_of(ports, rollout.environment)):
        if other.id == rollout.id:
            return None
        if other.phase != "offered":
            return other
    return None


def _act(ports: Ports, environment: Environment, rollout: Rollout, step: steps.Step, cause: str) -> Rollout:
    """Carry the step out; the rollout after it."""
    if isinstance(step, steps.Become):
        return step.rollout
    if isinstance(step, steps.Mutate):
        return _mutate(ports, environment, rollout, step.target, cause)
    if isinstance(step, steps.RollBack):
        return _roll_back(ports, rollout, step.target)
    if isinstance(step, steps.AddCanary):
        return _add_canary(ports, rollout, step.target)
    if isinstance(step, steps.RemoveCanary):
        return _remove_canary(ports, rollout, step.target)
    raise AssertionError(f"no such step: {step}")


def _mutate(ports: Ports, environment: Environment, rollout: Rollout, target: Target, cause: str) -> Rollout:
    image = released.image(ports, environment, rollout.image)
    if image is None:
        return msgspec.structs.replace(rollout, phase="failed", reason=f"image {rollout.image} is gone")
    group = GroupRef.parse(target.group)
    try:
        cluster, pool = mutate_group.pool_of(ports, PoolRef.parse(target.pool).cluster, group)
    except Irrelevant as gone:
        return steps.settled(rollout, target, state="refused", reason=gone.reason)
    outcome = mutate_group.bring_to_image(
        ports,
        environment=environment,
        cluster=cluster,
        pool=pool,
        group=group,
        image=image,
        cause=rollout.id,
        act=environment.mode != "observe",  # where it is `offer`, a person has started the rollout
        holder=rollout.id,
    )
    refused = outcome.kind in ("refused", "would change")
    return steps.settled(rollout, target, state="refused" if refused else "mutated", reason=outcome.reason)


def _roll_back(ports: Ports, rollout: Rollout, target: Target) -> Rollout:
    group = GroupRef.parse(target.group)
    try:
        cluster, pool = mutate_group.pool_of(ports, PoolRef.parse(target.pool).cluster, group)
    except Irrelevant as gone:
        return steps.settled(rollout, target, state="rolled back", reason=gone.reason)
    outcome = mutate_group.roll_back(
        ports,
        environment=rollout.environment,
        cluster=cluster,
        pool=pool,
        group=group,
        rollout=rollout.id,
        why=f"{rollout.id}: {rollout.reason}",
    )
    state: TargetState = "refused" if outcome.kind == "refused" else "rolled back"
    return steps.settled(rollout, target, state=state, reason=outcome.reason)


def _add_canary(ports: Ports, rollout: Rollout, target: Target) -> Rollout:
    group = GroupRef.parse(target.group)
    base = ports.compute.group(group)["baseInstanceName"]
    name = f"{base}-{hashlib.sha256(rollout.id.encode()).hexdigest()[:4]}"
    leases.take(ports, leases.of_group(group), holder=rollout.id, seconds=leases.LONG_SECONDS)
    if not any(last_part(member["instance"]) == name for member in ports.compute.members(group)):
        ports.compute.create_instances(group, [name], request_id=ports.clock.unique())
        record(ports, kind="canary", subject=str(group), what=f"asked for node {name}", cause=rollout.id)
    return steps.with_canary(rollout, target, name)


def _remove_canary(ports: Ports, rollout: Rollout, target: Target) -> Rollout:
    group = GroupRef.parse(target.group)
    here = [
        member["instance"]
        for member in ports.compute.members(group)
        if last_part(member["instance"]) == rollout.canary and member.get("currentAction") != "DELETING"
    ]
    if here:
        ports.compute.delete_instances(group, here, request_id=ports.clock.unique())
        record(ports, kind="canary", subject=str(group), what=f"gave node {rollout.canary} back", cause=rollout.id)
    leases.give_back(ports, leases.of_group(group), holder=rollout.id)
    return steps.without_canary(rollout)


def _settle(ports: Ports, rollout: Rollout) -> None:
    """What the end of a rollout means for its environment."""
    changed = [target.group for target in rollout.targets if target.state == "mutated"]
    if rollout.phase == "done":
        released.release(ports, rollout.environment, run_id=rollout.run_id, image=rollout.image, groups=changed)
    if rollout.phase == "failed":
        for group in changed:
            released.hold(ports, rollout.environment, group=group, why=f"{rollout.id} failed: {rollout.reason}")


def _booted(ports: Ports, rollout: Rollout) -> list[BootedNode]:
    """Members of the wave's changed groups that were made from our template of this run."""
    found = []
    nodes: dict[ClusterRef, dict[str, Node]] = {}
    for target in rollout.current.targets:
        if target.state != "mutated":
            continue
        group, pool_ref = GroupRef.parse(target.group), PoolRef.parse(target.pool)
        ref = pool_ref.cluster
        _, pool = mutate_group.pool_of(ports, ref, group)
        for member in ports.compute.members(group):
            template = last_part(member.get("version", {}).get("instanceTemplate", ""))
            if member.get("currentAction") == "DELETING" or run_id_of(template) != rollout.run_id:
                continue
            if ref not in nodes:
                nodes[ref] = {node.name: node for node in ports.clusters.kubernetes(ref).nodes()}
            name = last_part(member["instance"])
            node = nodes[ref].get(name)
            errors = member.get("lastAttempt", {}).get("errors", {}).get("errors", [])
            found.append(
                BootedNode(
                    name=name,
                    group=target.group,
                    registered=node is not None,
                    ready=node is not None and node.ready,
                    gpus=node.gpus if node else 0,
                    gpus_expected=pool.gpus_per_node,
                    errors=tuple(f"{error.get('code')}: {error.get('message')}" for error in errors),
                )
            )
    return found
