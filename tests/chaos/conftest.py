"""Grounds and clean runs, made once a session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.flows import Story
from tests.chaos.ground import Ground
from tests.chaos.runs import Clean, Grounds

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ground]]:
    """The ground of a world file."""
    with contextlib.ExitStack() as stack:

        @cache
        def make(world: str) -> Ground:
            made = Ground(
                folder=tmp_path_factory.mktemp(world),
                world=HERE / "worlds" / f"{world}.yaml",
                environments=HERE / "environments" / world,
            )
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture(scope="session")
def clean(ground: Grounds) -> Callable[[Story], Clean]:
    """The clean run of a story."""

    @cache
    def run(story: Story) -> Clean:
        return Clean(story, ground(story.world))

    return run
