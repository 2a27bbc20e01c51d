"""Gate: the smoke Jobs succeed, one for each accelerator of the wave, on a node that booted our image."""

from __future__ import annotations

from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.result import GateResult

NAME = "smoke Job"


def judge(seen: Evidence) -> GateResult | None:
    """Once passed it stays passed: its Jobs are deleted then."""
    for result in seen.kept:
        if result.gate == NAME and result.verdict == "passed":
            return result
    if not seen.smoke:
        return None
    for run in seen.smoke:
        if run.state == "failed":
            return GateResult(
                gate=NAME, verdict="failed", reason=f"smoke Job {run.job} failed on node {run.node}: {run.reason}"
            )
    left = [run for run in seen.smoke if run.state != "passed"]
    if left:
        text = "; ".join(f"smoke Job {run.job} on node {run.node}: {run.reason or run.state}" for run in left)
        return GateResult(gate=NAME, verdict="not yet", reason=text)
    where = ", ".join(f"{run.node} ({run.accelerator})" for run in seen.smoke)
    return GateResult(gate=NAME, verdict="passed", reason=f"smoke Jobs succeeded on {where}")
