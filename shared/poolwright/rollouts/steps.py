"""The state machine: what a rollout does next, and what it is after that. Pure; one step is one bounded action.

mutating -> verifying -> baking -> next wave: mutating ... -> done
any of them, when a gate fails or a person says so -> rolling back -> rolled back

Whoever calls gives the rollout with its targets as they are now (`services/progress.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from poolwright.rollouts import canary, ends
from poolwright.rollouts.gates import smoke
from poolwright.rollouts.gates.evidence import Evidence, SmokeRun
from poolwright.rollouts.gates.judgement import Judgement, judge
from poolwright.rollouts.gates.ready import is_weather
from poolwright.rollouts.gates.result import GateResult
from poolwright.rollouts.rollout import Rollout, Target

ASK_AGAIN_SECONDS = 50.0  # a tick asks again for what is not settled; anything that comes sooner is a repeat


@dataclass(frozen=True)
class BeginWave:
    """Look at the image and the nodes, and begin."""


@dataclass(frozen=True)
class Ask:
    """Ask for a step at each of these targets: one message each."""

    targets: tuple[Target, ...]


@dataclass(frozen=True)
class StartJobs:
    """Start these smoke Jobs."""

    runs: tuple[SmokeRun, ...]


@dataclass(frozen=True)
class ClearJobs:
    """Delete these smoke Jobs: they have done their work, and the document says so."""

    runs: tuple[SmokeRun, ...]


@dataclass(frozen=True)
class Become:
    """Only the document changes."""

    rollout: Rollout


@dataclass(frozen=True)
class Hold:
    """Nothing to do before the next tick, and `reason` says in the document why; `decided`: by us, so it is recorded;
    `results`: what the gates say meanwhile."""

    reason: str
    decided: bool = True
    results: tuple[GateResult, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Nothing to do before the next tick."""

    reason: str


Step = BeginWave | Ask | StartJobs | ClearJobs | canary.Step | Become | Hold | Wait


def looks_at_nodes(rollout: Rollout) -> bool:
    """Whether the next step depends on nodes: they cost calls, so they are read only then."""
    return not rollout.paused and rollout.phase in ("verifying", "baking")


def next_step(rollout: Rollout, seen: Evidence | None, *, now: float, closed: str = "", behind: str = "") -> Step:
    """`seen`: what the current wave shows, where `looks_at_nodes`; `closed`: why no wave may begin now; `behind`: which
    older rollout has to end first."""
    if rollout.canary and (rollout.finished or rollout.phase == "rolling back"):
        return canary.Remove(proved=False)
    if (rollout.finished or rollout.paused) and rollout.unsettled:
        return _ask(rollout, now=now)
    if rollout.finished:
        return Wait(f"the rollout is {rollout.phase}")
    if rollout.phase == "offered":
        return Wait("the rollout waits for a person's start")
    if rollout.phase == "rolling back":
        return _roll_back(rollout, now=now)
    if rollout.paused:
        return Wait("the rollout is paused")
    if rollout.phase == "mutating":
        return _mutate(rollout, now=now, closed=closed, behind=behind)
    if seen is None:
        raise AssertionError(f"{rollout.id} is {rollout.phase}, and nobody looked at its nodes")
    seen = _without_those_that_have_no_room(rollout, seen)
    return _verify(rollout, seen, now=now) if rollout.phase == "verifying" else _bake(rollout, seen, now=now)


def held(rollout: Rollout, step: Hold) -> Rollout:
    """The rollout while it holds."""
    shown = msgspec.structs.replace(rollout.current, results=step.results or rollout.current.results)
    return msgspec.structs.replace(ends.with_wave(rollout, shown), reason=step.reason)


def begun(
    rollout: Rollout, *, now: float, facts: Mapping[str, Any], baseline: int | None = None, problem: str = ""
) -> Rollout:
    """The rollout once its wave has begun; `problem`: why its image cannot be used after all."""
    if problem:
        return ends.failed(rollout, problem)
    wave = msgspec.structs.replace(rollout.current, began=now, baseline=baseline)
    reason = f"{len(wave.targets)} groups of {wave.name} are to be changed"
    return msgspec.structs.replace(ends.with_wave(rollout, wave), facts=facts, asked_time=0, reason=reason)


def asked(rollout: Rollout, *, now: float) -> Rollout:
    """The rollout once its unsettled targets were asked for."""
    return msgspec.structs.replace(rollout, asked_time=now)


def _mutate(rollout: Rollout, *, now: float, closed: str, behind: str) -> Step:
    wave = rollout.current
    if behind:
        return _held(rollout, f"{wave.name} waits: {behind}")
    if not wave.began:
        return _held(rollout, f"{wave.name} waits. {closed}") if closed else BeginWave()
    failed = [target for target in wave.targets if target.state == "failed"]
    if failed:
        return Become(ends.failed(rollout, failed[0].reason))
    if rollout.unsettled:
        return _ask(rollout, now=now)
    if not any(target.state == "mutated" for target in wave.targets):
        return Become(ends.wave_over(rollout, "unproven", f"no group of {wave.name} took the image"))
    if rollout.proven_before and not any(target.changed for target in wave.targets):
        return Become(ends.wave_over(rollout, "unchanged", f"no group of {wave.name} needed a change"))
    return Become(msgspec.structs.replace(rollout, phase="verifying", reason="its groups are changed"))


def _verify(rollout: Rollout, seen: Evidence, *, now: float) -> Step:
    judgement = judge(seen)
    if judgement.verdict == "failed":
        return Become(ends.failed(_judged(rollout, judgement), judgement.reason))
    if not rollout.proven and (step := canary.next_step(rollout, seen, now=now)):
        return _held(rollout, step.reason) if isinstance(step, canary.Without) else step
    if judgement.verdict == "not yet":
        if runs := smoke.to_start(seen, judgement.results):
            return StartJobs(runs)
        return _held(rollout, judgement.reason, decided=False, results=judgement.results)
    baking = _judged(rollout, judgement)
    baking = ends.with_wave(baking, msgspec.structs.replace(baking.current, verified=now))
    return Become(msgspec.structs.replace(baking, phase="baking", reason=judgement.reason))


def _bake(rollout: Rollout, seen: Evidence, *, now: float) -> Step:
    if rollout.canary and rollout.proved == rollout.canary:
        return canary.Remove(proved=True)
    wave, judgement = rollout.current, judge(seen)
    if judgement.verdict == "failed":
        return Become(ends.failed(_judged(rollout, judgement), judgement.reason))
    if runs := smoke.to_clear(seen):
        return ClearJobs(runs)
    if judgement.verdict == "unproven" and not rollout.proven:
        again = msgspec.structs.replace(rollout, phase="verifying", reason="its node was gone before the bake ended")
        return Become(again)
    left = wave.verified + rollout.policy.bake_seconds - now
    if left > 0:
        return Wait(f"{wave.name} bakes for {left:.0f} s more")
    if judgement.verdict == "not yet":
        return Wait(judgement.reason)
    if rollout.canary and canary.is_healthy(rollout, seen):  # said before it is taken away, or the proof dies with us
        return Become(msgspec.structs.replace(rollout, proved=rollout.canary))
    if rollout.canary:
        return canary.Remove(proved=False)
    over = _judged(rollout, judgement)
    if judgement.verdict == "passed":
        return Become(ends.wave_over(over, "passed", judgement.reason))
    if rollout.proved and not any(each.verdict == "passed" for each in rollout.waves):
        reason = f"canary node {rollout.proved} booted the image and was healthy until its bake ended"
        return Become(ends.wave_over(rollout, "passed", reason))
    return Become(ends.wave_over(over, "unproven", judgement.reason))


def _roll_back(rollout: Rollout, *, now: float) -> Step:
    if rollout.unsettled:
        return _ask(rollout, now=now)
    return Become(ends.rolled_back(rollout))


def _ask(rollout: Rollout, *, now: float) -> Step:
    left = rollout.unsettled
    if now - rollout.asked_time < ASK_AGAIN_SECONDS:
        return Wait(f"{len(left)} groups are under way")
    return Ask(left)


def _held(rollout: Rollout, reason: str, *, decided: bool = True, results: tuple[GateResult, ...] = ()) -> Step:
    return Wait(reason) if rollout.reason == reason else Hold(reason, decided, results)


def _without_those_that_have_no_room(rollout: Rollout, seen: Evidence) -> Evidence:
    """A member that its group cannot make for now booted nothing: it proves nothing, and holds up no wave."""
    nodes = tuple(
        node
        for node in seen.nodes
        if node.registered or not node.errors or not is_weather(node.errors[0]) or node.name == rollout.canary
    )
    return replace(seen, nodes=nodes)


def _judged(rollout: Rollout, judgement: Judgement) -> Rollout:
    return ends.with_wave(rollout, msgspec.structs.replace(rollout.current, results=judgement.results))
