"""The state machine: what a rollout does next, and what it is after that. Pure; one step is one bounded action.

mutating -> verifying -> baking -> next wave: mutating ... -> done
any of them, when a gate fails or a person says so -> rolling back -> rolled back
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from poolwright.rollouts.gate import BootedNode, Failed, NotYet, Unproven, judge
from poolwright.rollouts.rollout import Phase, Rollout, Target, TargetState, Verdict, Wave


@dataclass(frozen=True)
class Mutate:
    """Point this group at our template."""

    target: Target


@dataclass(frozen=True)
class RollBack:
    """Point this group back at the latest GKE template."""

    target: Target


@dataclass(frozen=True)
class AddCanary:
    """Add one node to this group, so that something boots the image."""

    target: Target


@dataclass(frozen=True)
class RemoveCanary:
    """Take that node away again."""

    target: Target


@dataclass(frozen=True)
class Become:
    """Only the document changes."""

    rollout: Rollout


@dataclass(frozen=True)
class Wait:
    """Nothing to do before the next tick."""

    reason: str


Step = Mutate | RollBack | AddCanary | RemoveCanary | Become | Wait


def looks_at_nodes(rollout: Rollout) -> bool:
    """Whether the next step depends on nodes: they cost calls, so they are read only then."""
    return not rollout.paused and rollout.phase in ("verifying", "baking")


def next_step(rollout: Rollout, nodes: Sequence[BootedNode], *, now: float) -> Step:
    """`nodes`: members of the current wave's changed groups that were made from our template."""
    if rollout.finished and rollout.canary:
        return RemoveCanary(_canary_target(rollout))
    if rollout.finished or rollout.phase == "offered":
        return Wait(f"the rollout is {rollout.phase}")
    if rollout.phase == "rolling back":
        return _roll_back(rollout)
    if rollout.paused:
        return Wait("the rollout is paused")
    if rollout.phase == "mutating":
        return _mutate(rollout, now=now)
    return _watch(rollout, nodes, now=now)


def _mutate(rollout: Rollout, *, now: float) -> Step:
    wave = rollout.current
    if not wave.began:
        return Become(_with_wave(rollout, msgspec.structs.replace(wave, began=now)))
    waiting = [target for target in wave.targets if target.state == "waiting"]
    if waiting:
        return Mutate(waiting[0])
    return Become(msgspec.structs.replace(rollout, phase="verifying", reason="its groups are changed"))


def _watch(rollout: Rollout, nodes: Sequence[BootedNode], *, now: float) -> Step:
    wave = rollout.current
    changed = [target for target in wave.targets if target.state == "mutated"]
    if rollout.phase == "verifying" and rollout.policy.canary_node and changed and not rollout.proved:
        if not rollout.canary:
            return AddCanary(changed[0])
        if not any(node.name == rollout.canary for node in nodes):
            if now - wave.began > rollout.policy.node_ready_seconds:
                return Become(_fail(rollout, f"the canary node {rollout.canary} was not made"))
            return Wait(f"the canary node {rollout.canary} is being made")
    judgement = judge(rollout, nodes, now=now)
    if isinstance(judgement, Failed):
        return Become(_fail(rollout, judgement.reason))
    if rollout.phase == "verifying":
        if isinstance(judgement, NotYet):
            return Wait(judgement.reason)
        seen = msgspec.structs.replace(wave, verified=now)
        baking = _with_wave(rollout, seen)
        return Become(msgspec.structs.replace(baking, phase="baking", reason=judgement.reason))
    left = wave.verified + rollout.policy.bake_seconds - now
    if left > 0:
        return Wait(f"{wave.name} bakes for {left:.0f} s more")
    if isinstance(judgement, NotYet):
        return Wait(judgement.reason)
    if rollout.canary:
        return RemoveCanary(_canary_target(rollout))
    return Become(_next_wave(rollout, "unproven" if isinstance(judgement, Unproven) else "passed", judgement.reason))


def _next_wave(rollout: Rollout, verdict: Verdict, reason: str) -> Rollout:
    if rollout.proved and any(target.group == rollout.canary_group for target in rollout.current.targets):
        verdict, reason = (
            "passed",
            f"canary node {rollout.proved} booted the image and was healthy until its bake ended",
        )
    judged = _with_wave(rollout, msgspec.structs.replace(rollout.current, verdict=verdict))
    if rollout.wave + 1 < len(rollout.waves):
        return msgspec.structs.replace(judged, wave=rollout.wave + 1, phase="mutating", reason=reason)
    return msgspec.structs.replace(judged, phase="done", reason=summary(judged))


def summary(rollout: Rollout) -> str:
    """What a finished rollout came to, in a sentence. An idle wave is called unproven."""
    changed = sum(target.state == "mutated" for target in rollout.targets)
    refused = sum(target.state == "refused" for target in rollout.targets)
    unproven = [wave.name for wave in rollout.waves if wave.verdict == "unproven"]
    text = f"{changed} groups on run {rollout.run_id}"
    if refused:
        text += f", {refused} refused"
    if unproven:
        text += f"; unproven, as no node booted there: {', '.join(unproven)}"
    return text


def _fail(rollout: Rollout, reason: str) -> Rollout:
    judged = _with_wave(rollout, msgspec.structs.replace(rollout.current, verdict="failed"))
    phase: Phase = "rolling back" if rollout.policy.roll_back_on_failure else "failed"
    return msgspec.structs.replace(judged, phase=phase, reason=reason)


def _roll_back(rollout: Rollout) -> Step:
    if rollout.canary:
        return RemoveCanary(_canary_target(rollout))
    mutated = [target for target in reversed(rollout.targets) if target.state == "mutated"]
    if mutated:
        return RollBack(mutated[0])
    return Become(msgspec.structs.replace(rollout, phase="rolled back"))


def settled(rollout: Rollout, target: Target, *, state: TargetState, reason: str = "") -> Rollout:
    """The rollout after something was done about one target."""
    fresh = msgspec.structs.replace(target, state=state, reason=reason)
    return msgspec.structs.replace(
        rollout,
        waves=tuple(
            msgspec.structs.replace(
                wave, targets=tuple(fresh if each.group == target.group else each for each in wave.targets)
            )
            for wave in rollout.waves
        ),
    )


def _canary_target(rollout: Rollout) -> Target:
    return next(target for target in rollout.targets if target.group == rollout.canary_group)


def with_canary(rollout: Rollout, target: Target, name: str) -> Rollout:
    """The rollout once its canary node was asked for in the target's group."""
    reason = f"canary node {name} was asked for"
    return msgspec.structs.replace(rollout, canary=name, canary_group=target.group, reason=reason)


def without_canary(rollout: Rollout) -> Rollout:
    """The rollout once its canary node was taken away; it proved the image if its bake ended well."""
    proved = rollout.canary if rollout.phase == "baking" else ""
    return msgspec.structs.replace(rollout, canary="", proved=proved)


def _with_wave(rollout: Rollout, wave: Wave) -> Rollout:
    waves = tuple(wave if index == rollout.wave else each for index, each in enumerate(rollout.waves))
    return msgspec.structs.replace(rollout, waves=waves)
