"""The canary node of a rollout: decided on, asked for, taken away; its group is kept under lease all the while."""

from __future__ import annotations

from dataclasses import replace

from poolwright.references import GroupRef, last_part
from poolwright.rollouts import canary
from poolwright.rollouts.gates.evidence import BootedNode, Evidence
from poolwright.rollouts.rollout import Rollout, Target
from poolwright.services import leases
from poolwright.services.ports import Json, Ports, Taken


def name(ports: Ports, rollout: Rollout, target: Target) -> Rollout:
    """Decide on a name; nothing is made yet."""
    base = ports.compute.group(GroupRef.parse(target.group))["baseInstanceName"]
    return canary.named(rollout, target, canary.name(rollout, base))


def make(ports: Ports, rollout: Rollout, *, now: float) -> Rollout:
    """Ask for the node, unless somebody who died before he could say so has. leases.Held, Weather."""
    group = GroupRef.parse(rollout.canary_group)
    if _member(ports, group, rollout.canary) is None:
        try:
            ports.compute.create_instances(group, [rollout.canary], request_id=ports.clock.unique())
        except Taken:
            if _member(ports, group, rollout.canary) is None:
                why = (
                    f"{rollout.current.name} is unproven: {rollout.canary} is the name of a VM that is not of its group"
                )
                return give_up(ports, rollout, why, now=now)
    return canary.made(rollout, now=now)


def lost(ports: Ports, rollout: Rollout, seen: Evidence) -> Evidence:
    """With the node that was asked for and is no member any more, where its group says why: a member that is tried once
    goes when it could not be made (CREATING_WITHOUT_RETRIES,
    https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/listManagedInstances)."""
    if not rollout.canary_time or any(node.name == rollout.canary for node in seen.nodes):
        return seen
    found = [
        f"{each['error'].get('code')}: {each['error'].get('message')}"
        for each in ports.compute.errors(GroupRef.parse(rollout.canary_group))
        if last_part(each.get("instanceActionDetails", {}).get("instance", "")) == rollout.canary and "error" in each
    ]
    if not found:
        return seen
    node = BootedNode(
        name=rollout.canary, group=rollout.canary_group, registered=False, ready=False, gpus=0, gpus_expected=1,
        errors=(found[-1],), since=rollout.canary_time,
    )  # fmt: skip
    return replace(seen, nodes=(*seen.nodes, node))


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
