"""Which rollouts' documents are worth keeping. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from poolwright.rollouts.rollout import Rollout

KEPT = 50  # the newest of an environment, for people
KEPT_SECONDS = 30 * 86400.0  # a message that started one may come again for 7 days; a month is for people, too


def forgettable(known: Sequence[Rollout], *, runs: Collection[int], now: float) -> list[Rollout]:
    """Those of an environment (`known`: all, oldest first) that nothing asks for any more: settled a month ago, not
    among the newest, and of a run of which there is neither image nor template (`runs`: those of which there is)."""
    return [
        each
        for each in known[:-KEPT]
        if each.settled and each.run_id not in runs and now - max(each.created, each.moved) > KEPT_SECONDS
    ]
