"""What a stored transition of a rollout counts as (poolwright/metrics.py)."""

from __future__ import annotations

from poolwright import metrics
from poolwright.rollouts.rollout import Rollout


def count(before: Rollout | None, after: Rollout) -> None:
    """The phase it came to, and the waves that ended; `before`: None where it is new."""
    if before is None or before.phase != after.phase:
        metrics.rollout(after.environment, after.phase)
    earlier = before.waves if before else ()
    for index, wave in enumerate(after.waves):
        if not wave.verdict or (index < len(earlier) and earlier[index].verdict == wave.verdict):
            continue
        metrics.wave(after.environment, wave.verdict)
        for result in wave.results if wave.verdict == "failed" else ():
            if result.verdict == "failed":
                metrics.gate(after.environment, result.gate)
