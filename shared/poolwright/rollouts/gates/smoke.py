"""Gate: the smoke Jobs succeed, one for each accelerator of the wave, on a node that booted our image."""

from __future__ import annotations

from collections.abc import Sequence

from poolwright.rollouts.gates.evidence import Evidence, SmokeRun
from poolwright.rollouts.gates.result import GateResult

NAME = "smoke Job"


def judge(seen: Evidence) -> GateResult | None:
    """Once passed it stays passed: its Jobs are deleted then."""
    if (before := passed(seen.kept)) is not None:
        return before
    if not seen.smoke:
        return None
    for run in seen.smoke:
        if run.state == "failed":
            reason = f"smoke Job {run.job} failed on node {run.node}: {run.reason}"
            return GateResult(gate=NAME, verdict="failed", reason=reason)
    left = [run for run in seen.smoke if run.state != "passed"]
    if left:
        return GateResult(gate=NAME, verdict="not yet", reason="; ".join(map(_what_is_awaited, left)))
    where = ", ".join(f"{run.node} ({run.accelerator})" for run in seen.smoke)
    return GateResult(gate=NAME, verdict="passed", reason=f"smoke Jobs succeeded on {where}")


def passed(results: Sequence[GateResult]) -> GateResult | None:
    """What it said when it had passed."""
    return next((each for each in results if each.gate == NAME and each.verdict == "passed"), None)


def to_start(seen: Evidence, results: Sequence[GateResult]) -> tuple[SmokeRun, ...]:
    """The Jobs to start now: once all other gates have passed, or say that nobody knows."""
    if any(each.verdict not in ("passed", "unknown") for each in results if each.gate != NAME):
        return ()
    return tuple(run for run in seen.smoke if run.state == "wanted" and run.job)


def to_clear(seen: Evidence) -> tuple[SmokeRun, ...]:
    """The Jobs that have done their work."""
    if passed(seen.kept) is None:
        return ()
    return tuple(run for run in seen.smoke if run.state != "wanted")


def _what_is_awaited(run: SmokeRun) -> str:
    if run.state == "wanted":
        return run.reason or f"smoke Job {run.job} is to run on node {run.node}"
    return f"smoke Job {run.job} runs on node {run.node}" + (f": {run.reason}" if run.reason else "")
