"""Whether a rollout should have moved by now: a figure to alert on, which decides nothing. Pure."""

from __future__ import annotations

import msgspec

from poolwright.rollouts.rollout import Rollout, Target


def moved(before: Rollout, after: Rollout, *, now: float) -> Rollout:
    """`after`, which says when it came to its phase and wave, was paused or went on, if that is now."""
    if (before.phase, before.wave, before.paused) == (after.phase, after.wave, after.paused):
        return after
    return msgspec.structs.replace(after, moved=now)


def further(before: Target, after: Target, *, now: float) -> Target:
    """`after`, which says that it came further now; another reason is not further."""
    if msgspec.structs.replace(before, reason=after.reason) == after:
        return after
    return msgspec.structs.replace(after, moved=now)


def seconds(live: Rollout, *, now: float) -> float | None:
    """For how long it has not moved beyond what its phase may take, 0 where it may still take its time; None where
    people or the environment make it wait: offered, paused, over, or its wave may not begin yet. `live`: with its
    targets as they are now."""
    waits = live.phase == "mutating" and not live.current.began
    if live.finished or live.paused or live.phase == "offered" or waits:
        return None
    wave = live.current
    at_work = live.targets if live.phase == "rolling back" else wave.targets
    last = max(live.created, live.moved, wave.began, wave.verified, *(target.moved for target in at_work))
    return max(0.0, now - last - _patience(live))


def _patience(live: Rollout) -> float:
    """How long nothing may be seen to happen in the phase."""
    policy = live.policy
    if live.phase == "baking":
        return policy.bake_seconds
    if live.phase == "verifying":
        return policy.node_ready_seconds
    return max(policy.drain_seconds, policy.node_ready_seconds) if policy.node_policy == "replace" else 0.0
