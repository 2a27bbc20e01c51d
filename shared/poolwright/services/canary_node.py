"""The canary node of a rollout: decided on, asked for, taken away; its group is kept under lease all the while."""

from __future__ import annotations

from poolwright.references import GroupRef, last_part
from poolwright.rollouts import canary
from poolwright.rollouts.rollout import Rollout, Target
from poolwright.services import leases
from poolwright.services.ports import Json, Ports


def name(ports: Ports, rollout: Rollout, target: Target) -> Rollout:
    """Decide on a name; nothing is made yet."""
    base = ports.compute.group(GroupRef.parse(target.group))["baseInstanceName"]
    return canary.named(rollout, target, canary.name(rollout, base))


def make(ports: Ports, rollout: Rollout, *, now: float) -> Rollout:
    """Ask for the node, unless somebody who died before he could say so has. leases.Held, Weather."""
    group = GroupRef.parse(rollout.canary_group)
    if _member(ports, group, rollout.canary) is None:
        ports.compute.create_instances(group, [rollout.canary], request_id=ports.clock.unique())
    return canary.made(rollout, now=now)


def give_up(ports: Ports, rollout: Rollout, reason: str, *, now: float) -> Rollout:
    """Take away what there is of the node: a member that could not be made stays in its group until it is deleted."""
    _delete(ports, rollout)
    return canary.given_up(rollout, reason, now=now)


def remove(ports: Ports, rollout: Rollout, *, proved: bool) -> Rollout:
    """Take the node away."""
    _delete(ports, rollout)
    return canary.removed(rollout, proved=proved)


def _delete(ports: Ports, rollout: Rollout) -> None:
    group = GroupRef.parse(rollout.canary_group)
    member = _member(ports, group, rollout.canary)
    if member is not None and member.get("currentAction") != "DELETING":
        ports.compute.delete_instances(group, [member["instance"]], request_id=ports.clock.unique())
    leases.give_back(ports, leases.of_group(group), holder=rollout.id)


def _member(ports: Ports, group: GroupRef, node: str) -> Json | None:
    return next((each for each in ports.compute.members(group) if last_part(each["instance"]) == node), None)
