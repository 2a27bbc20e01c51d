"""How waves and rollouts end: pure."""

from __future__ import annotations

import msgspec

from poolwright.rollouts.rollout import Phase, Rollout, Verdict, Wave


def wave_over(rollout: Rollout, verdict: Verdict, reason: str) -> Rollout:
    """The rollout at the beginning of its next wave, or done."""
    judged = with_wave(rollout, msgspec.structs.replace(rollout.current, verdict=verdict))
    if rollout.wave + 1 < len(rollout.waves):
        begins = msgspec.structs.replace(judged, wave=rollout.wave + 1, phase="mutating", reason=reason)
        return begins if begins.proven or verdict == "unchanged" else _canary_first(begins)
    if not any(target.state == "mutated" for target in rollout.targets):
        refused = sum(target.state == "refused" for target in rollout.targets)
        reason = f"no group is on run {rollout.run_id}: {refused} of {len(rollout.targets)} refused it"
        return msgspec.structs.replace(judged, phase="failed", reason=reason)
    return msgspec.structs.replace(judged, phase="done", reason=summary(judged))


def _canary_first(rollout: Rollout) -> Rollout:
    """Where no wave proved the image yet, as all its groups refused it, the next one is a canary of one group too."""
    wave = rollout.current
    if len(wave.targets) == 1:
        return rollout
    first = Wave(name=f"canary {rollout.wave + 1}", targets=wave.targets[:1])
    rest = msgspec.structs.replace(wave, targets=wave.targets[1:])
    waves = (*rollout.waves[: rollout.wave], first, rest, *rollout.waves[rollout.wave + 1 :])
    return msgspec.structs.replace(rollout, waves=waves)


def failed(rollout: Rollout, reason: str) -> Rollout:
    """The rollout after a gate said no: by policy it goes back, or stays where it is."""
    judged = with_wave(rollout, msgspec.structs.replace(rollout.current, verdict="failed"))
    phase: Phase = "rolling back" if rollout.policy.roll_back_on_failure else "failed"
    return msgspec.structs.replace(judged, phase=phase, asked_time=0, reason=reason)


def superseded(rollout: Rollout, by: str) -> Rollout:
    """The rollout once a newer one took its place."""
    return msgspec.structs.replace(
        rollout, phase="superseded", paused=False, asked_time=0, superseded_by=by, reason=f"superseded by {by}"
    )


def rolled_back(rollout: Rollout) -> Rollout:
    """The rollout once nothing is left to put back; what could not be is named."""
    stuck = [target for target in rollout.targets if target.state == "stuck"]
    if not stuck:
        return msgspec.structs.replace(rollout, phase="rolled back")
    reason = f"{len(stuck)} groups could not be put back, first {stuck[0].group}: {stuck[0].reason}; {rollout.reason}"
    return msgspec.structs.replace(rollout, phase="failed", reason=reason)


def summary(rollout: Rollout) -> str:
    """What a finished rollout came to, in a sentence. An idle wave is called unproven."""
    changed = sum(target.state == "mutated" for target in rollout.targets)
    refused = sum(target.state == "refused" for target in rollout.targets)
    unproven = [wave.name for wave in rollout.waves if wave.verdict == "unproven"]
    text = f"{changed} groups on run {rollout.run_id}"
    if refused:
        text += f", {refused} refused"
    if not any(target.changed for target in rollout.targets):
        text += "; nothing was changed, as all were right already"
    if unproven:
        text += f"; unproven, as no node booted there: {', '.join(unproven)}"
    return text


def with_wave(rollout: Rollout, wave: Wave) -> Rollout:
    """The rollout with this wave in place of its current one."""
    waves = tuple(wave if index == rollout.wave else each for index, each in enumerate(rollout.waves))
    return msgspec.structs.replace(rollout, waves=waves)
