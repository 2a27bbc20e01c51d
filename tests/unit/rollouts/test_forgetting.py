"""Which rollouts' documents go."""

from __future__ import annotations

import msgspec
import pytest

from poolwright.rollouts.forgetting import KEPT, KEPT_SECONDS, forgettable
from poolwright.rollouts.rollout import Policy, Rollout

NOW = 1e9
OLD = Rollout(
    id="dev-1", environment="dev", run_id=1, image="i", waves=(), phase="done", created=NOW - 2 * KEPT_SECONDS,
    policy=Policy(bake_seconds=600, node_ready_seconds=900, canary_node=False, roll_back_on_failure=True),
)  # fmt: skip
NEWEST = [msgspec.structs.replace(OLD, id=f"dev-{n}", run_id=n) for n in range(2, 2 + KEPT)]


def test_an_old_one_goes_whose_run_has_left_nothing_behind() -> None:
    assert forgettable([OLD, *NEWEST], runs={2, 3}, now=NOW) == [OLD]


def test_the_newest_stay_however_old_they_are() -> None:
    assert forgettable(NEWEST, runs=(), now=NOW) == []


@pytest.mark.parametrize(
    "changes",
    [{"phase": "mutating"}, {"canary": "node"}, {"created": NOW - KEPT_SECONDS}, {"moved": NOW - KEPT_SECONDS}],
    ids=lambda changes: str(*changes),
)
def test_one_that_is_not_settled_for_a_month_stays(changes: dict[str, object]) -> None:
    assert forgettable([msgspec.structs.replace(OLD, **changes), *NEWEST], runs=(), now=NOW) == []


def test_one_whose_run_has_an_image_or_a_template_stays() -> None:
    assert forgettable([OLD, *NEWEST], runs={1}, now=NOW) == []
