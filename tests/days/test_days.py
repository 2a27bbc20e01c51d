"""Days with people, mishaps and lost messages, in which no judge finds anything.

A seed is a day; DAYS_SEED=n plays another one.
"""

from __future__ import annotations

import os

import pytest

from tests.days.conftest import Begin

SEED = int(os.environ.get("DAYS_SEED", "1"))


def test_a_morning_goes_well(begin: Begin) -> None:
    day = begin(SEED)
    day.live(hours=1)
    day.sleep()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_a_day_goes_well(begin: Begin, seed: int) -> None:
    day = begin(seed)
    day.live(hours=24)
    day.sleep()
