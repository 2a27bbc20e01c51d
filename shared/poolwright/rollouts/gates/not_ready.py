"""Gate: no more nodes of the wave's pools are NotReady than when the wave began."""

from __future__ import annotations

from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.result import GateResult

NAME = "no rise of NotReady"


def judge(seen: Evidence) -> GateResult:
    """New nodes and those that we drain are not counted: other gates judge them."""
    counted = [pool for pool in seen.not_ready if pool in seen.baseline]
    if not counted:
        reason = f"nobody counted the NotReady nodes when {seen.wave} began"
        return GateResult(gate=NAME, verdict="unknown", reason=reason)
    now = sorted(name for pool in counted for name in seen.not_ready[pool])
    before = sum(seen.baseline[pool] for pool in counted)
    if len(now) - before > seen.not_ready_rise:
        names = ", ".join(now[:3]) + (", ..." if len(now) > 3 else "")
        reason = f"{len(now)} older nodes are NotReady ({names}); {before} were when {seen.wave} began"
        return GateResult(gate=NAME, verdict="failed", reason=reason)
    reason = f"{len(now)} older nodes are NotReady; {before} were when {seen.wave} began"
    return GateResult(gate=NAME, verdict="passed", reason=reason)
