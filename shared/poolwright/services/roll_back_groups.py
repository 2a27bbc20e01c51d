"""Chosen groups go back to GKE's own template, whichever rollout brought them where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from poolwright.rollouts import plan
from poolwright.rollouts.rollout import Rollout, Wave
from poolwright.services import known_rollouts, released, start_rollout, stop
from poolwright.services.ports import Ports
from poolwright.verdicts import Irrelevant, Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment


def start(
    ports: Ports,
    *,
    environment: Environment,
    groups: Sequence[str],
    cause: str,
    sent: tuple[str, str],
    requester: str = "",
) -> str:
    """Store a roll-back of these groups and ask for its first step; a sentence. Irrelevant, Refused."""
    if why := stop.stopped(ports):
        raise Refused("action", f"nothing is rolled back: {why}", "Resume poolwright, then send the command again")
    if environment.mode == "observe":
        remedy = f"Set it to offer or act in environments/{environment.name}.yaml"
        raise Refused("environment", f"mode of {environment.name} is observe", remedy)
    known = known_rollouts.all_of(ports, environment.name)
    if any(sent <= each.commanded for each in known):
        raise Irrelevant("this roll-back, or a command that was sent after it, was obeyed already")
    targets, excluded = start_rollout.targets_of(ports, environment, also_excluded=True)
    wanted = plan.chosen(targets, groups, excluded=excluded)
    _expect_free(known, {target.group for target in wanted})
    current = released.read(ports, environment)
    touched = tuple(msgspec.structs.replace(target, state="mutated") for target in wanted)
    rollout = Rollout(
        id=f"{environment.name}-back-{hashlib.sha256(sent[1].encode()).hexdigest()[:6]}",
        kind="roll-back",
        environment=environment.name,
        run_id=current.run_id,
        image=current.image,
        chosen=True,
        waves=(Wave(name="chosen groups", targets=touched),),
        policy=start_rollout.policy_of(environment),
        phase="rolling back",
        requester=requester,
        cause=cause,
        commanded=sent,
        created=ports.clock.now(),
        reason=f"rolled back on command{f' by {requester}' if requester else ''}",
    )
    return start_rollout.store(ports, rollout, what=f"rolling back: {len(wanted)} groups")


def _expect_free(known: Sequence[Rollout], groups: set[str]) -> None:
    """A group of a rollout that is under way is that rollout's. Refused."""
    for each in known:
        if not each.finished and each.phase != "offered" and any(target.group in groups for target in each.targets):
            remedy = f"Abort {each.id} first, or roll it back as a whole: the command without groups"
            raise Refused("groups", f"some belong to {each.id}, which is {each.phase}", remedy)
