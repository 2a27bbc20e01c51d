"""Days with people, mishaps and lost messages, in which no judge finds anything.

A seed is a day; DAYS_SEED=n plays another one.
"""

from __future__ import annotations

import os

import pytest

from tests.days.conftest import Begin

SEED = int(os.environ.get("DAYS_SEED", "1"))


# What a long day has of each, or it proves nothing.
ENOUGH = {
    "deletions": 3, "purchases": 5, "pods that waited": 50, "stockouts": 1, "failed nodes": 3,
    "late GPUs": 3, "doubled messages": 20, "dropped messages": 20, "delayed messages": 20, "swapped messages": 20,
}  # fmt: skip


@pytest.mark.slow
def test_a_morning_goes_well(begin: Begin) -> None:
    day = begin(SEED)
    day.live(hours=1)
    day.sleep()
    assert day.court.happened["pods that waited"]
    assert day.court.happened["purchases"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_a_day_goes_well(begin: Begin, seed: int) -> None:
    day = begin(seed)
    day.live(hours=24)
    day.sleep()
    happened = day.court.happened
    print(dict(happened))
    assert not {name: happened[name] for name, least in ENOUGH.items() if happened[name] < least}
