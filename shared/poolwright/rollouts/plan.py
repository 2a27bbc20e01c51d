"""Which groups a rollout changes, in which waves: pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from poolwright.rollouts.rollout import Target, Wave


def waves(targets: Sequence[Target], *, fractions: Sequence[float]) -> tuple[Wave, ...]:
    """The canary (one group), then waves up to each cumulative fraction of the rest; no wave is empty.

    The order is that of the targets' names, so the same fleet gives the same plan.
    """
    ordered = sorted(targets, key=lambda target: (target.pool, target.group))
    canary, rest = ordered[:1], ordered[1:]
    found = [Wave(name="canary", targets=tuple(canary))] if canary else []
    done = 0
    for fraction in [*fractions, 1.0]:
        upto = min(len(rest), math.ceil(len(rest) * fraction))
        if upto > done:
            found.append(Wave(name=f"wave {len(found)}", targets=tuple(rest[done:upto])))
            done = upto
    return tuple(found)
