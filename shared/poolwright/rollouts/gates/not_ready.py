"""Gate: no more nodes of the wave's pools are NotReady than when the wave began."""

from __future__ import annotations

from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.result import GateResult

NAME = "no rise of NotReady"


def judge(seen: Evidence) -> GateResult:
    """New nodes and those that we drain are not counted: other gates judge them."""
    if seen.baseline is None:
        reason = f"nobody counted the NotReady nodes when {seen.wave} began"
        return GateResult(gate=NAME, verdict="unknown", reason=reason)
    now = sorted(seen.not_ready)
    if len(now) - seen.baseline > seen.not_ready_rise:
        names = ", ".join(now[:3]) + (", ..." if len(now) > 3 else "")
        reason = f"{len(now)} older nodes are NotReady ({names}); {seen.baseline} were when {seen.wave} began"
        return GateResult(gate=NAME, verdict="failed", reason=reason)
    reason = f"{len(now)} older nodes are NotReady; {seen.baseline} were when {seen.wave} began"
    return GateResult(gate=NAME, verdict="passed", reason=reason)
