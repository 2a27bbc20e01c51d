"""Days: one stand-in for all of them, each from its beginning."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.ground import Ground
from tests.days.day import ROUGH, Day
from tests.days.mishaps import Mishaps
from tests.days.people import People

HERE = Path(__file__).parent
Begin = Callable[[int], Day]


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(folder=tmp_path_factory.mktemp("days"), world=HERE / "world.yaml", environments=HERE / "environments")
    yield made
    made.close()


@pytest.fixture
def begin(ground: Ground) -> Iterator[Begin]:
    """The day of a seed, just begun."""
    with ExitStack() as stack:

        def day(seed: int) -> Day:
            print(f"repeat this day with DAYS_SEED={seed}")
            found = stack.enter_context(ground.flow(kind=Day))
            assert isinstance(found, Day)
            found.people = People(random.Random(f"people {seed}"))
            found.mishaps = Mishaps(random.Random(f"mishaps {seed}"))
            found.dice = random.Random(f"messages {seed}")
            found.rough = ROUGH
            found.wake()
            return found

        yield day
