"""The extra node that proves the image where no other node boots it: pure.

Named first, then made, then watched. Where there is no room for it the rollout holds, `unproven`, and tries again under
another name, each time after a longer while. Its failure for another reason is the image's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.ready import is_weather
from poolwright.rollouts.rollout import Rollout, Target

RETRY_SECONDS = 60.0  # doubled at each try
RETRY_AT_MOST_SECONDS = 900.0


@dataclass(frozen=True)
class Name:
    """Decide on a canary node in this group."""

    target: Target


@dataclass(frozen=True)
class Make:
    """Ask for the node that was decided on."""


@dataclass(frozen=True)
class GiveUp:
    """Take what there is of the node away, and try again later."""

    reason: str


@dataclass(frozen=True)
class Remove:
    """Take the node away; `proved`: it has done its work."""

    proved: bool


@dataclass(frozen=True)
class Without:
    """Nothing can be done but wait."""

    reason: str


Step = Name | Make | GiveUp | Remove


def next_step(rollout: Rollout, seen: Evidence, *, now: float) -> Step | Without | None:
    """What a wave that must prove the image needs of a canary node; None where its nodes can be judged."""
    if not rollout.canary:
        if any(not (node.errors and not node.registered) for node in seen.nodes):
            return None
        if not rollout.policy.canary_node:
            return Without(f"{rollout.current.name} is unproven: no node booted the image, and the policy adds none")
        if now < rollout.retry_time:
            return Without(rollout.reason)
        mutated = [target for target in rollout.current.targets if target.state == "mutated"]
        return Name(next((target for target in mutated if target.changed), mutated[0]))
    if not rollout.canary_time:
        return Make()
    node = next((node for node in seen.nodes if node.name == rollout.canary), None)
    if node is None:
        return GiveUp(f"{rollout.current.name} is unproven: canary node {rollout.canary} is gone")
    if node.errors and not node.registered and is_weather(node.errors[0]):
        return GiveUp(
            f"{rollout.current.name} is unproven: there is no room for canary node {node.name} ({node.errors[0]})"
        )
    return None


def name(rollout: Rollout, base: str) -> str:
    """The name of the next canary node: another one each try."""
    seed = f"{rollout.id}/{rollout.tries}" if rollout.tries else rollout.id
    return f"{base}-{hashlib.sha256(seed.encode()).hexdigest()[:4]}"


def named(rollout: Rollout, target: Target, node: str) -> Rollout:
    """The rollout once it was decided which node it asks for."""
    reason = f"{rollout.current.name} is unproven: canary node {node} is to be made"
    return msgspec.structs.replace(rollout, canary=node, canary_group=target.group, canary_time=0, reason=reason)


def made(rollout: Rollout, *, now: float) -> Rollout:
    """The rollout once its canary node was asked for."""
    reason = f"{rollout.current.name} is unproven: canary node {rollout.canary} was asked for"
    return msgspec.structs.replace(rollout, canary_time=now, reason=reason)


def given_up(rollout: Rollout, reason: str, *, now: float) -> Rollout:
    """The rollout without the node that could not be had; the next try comes after a while."""
    pause = min(RETRY_SECONDS * 2**rollout.tries, RETRY_AT_MOST_SECONDS)
    return msgspec.structs.replace(
        rollout, canary="", canary_group="", canary_time=0, tries=rollout.tries + 1, retry_time=now + pause,
        reason=reason,
    )  # fmt: skip


def removed(rollout: Rollout, *, proved: bool) -> Rollout:
    """The rollout once its canary node was taken away."""
    return msgspec.structs.replace(
        rollout, canary="", canary_time=0, proved=rollout.canary if proved else rollout.proved
    )


def group(rollout: Rollout) -> Target:
    """Where the canary node is."""
    return next(target for target in rollout.targets if target.group == rollout.canary_group)


def is_healthy(rollout: Rollout, seen: Evidence) -> bool:
    """Whether the canary node is among the healthy nodes."""
    return any(node.name == rollout.canary and node.healthy for node in seen.nodes)
