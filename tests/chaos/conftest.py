"""Grounds, made once a session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.ground import Ground

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
                environments=HERE / "environments",
            )
            stack.callback(made.close)
            return made

        yield make
