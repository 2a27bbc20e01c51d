"""Services in manual time: the real functions and adapters on a stand-in whose clock only the test moves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chaos.ground import Ground
from tests.chaos.harness import Flow

CHAOS = Path(__file__).parents[1] / "chaos"
Begin = Callable[..., Flow]


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Ground]]:
    """The ground of a world of chaos, with an environment that says something else (as YAML)."""
    with contextlib.ExitStack() as stack:

        @cache
        def make(world: str, said: str) -> Ground:
            given = yaml.safe_load((CHAOS / "environments" / world / "chaos.yaml").read_text("utf-8"))
            folder = tmp_path_factory.mktemp("environments")
            (folder / "chaos.yaml").write_text(yaml.safe_dump({**given, **yaml.safe_load(said or "{}")}), "utf-8")
            made = Ground(
                folder=tmp_path_factory.mktemp(world), world=CHAOS / "worlds" / f"{world}.yaml", environments=folder
            )
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def begin(grounds: Callable[[str, str], Ground]) -> Iterator[Begin]:
    """Begins a flow in a world, where the environment says what is given."""
    with contextlib.ExitStack() as stack:

        def flow(world: str = "rollouts", **said: Any) -> Flow:
            return stack.enter_context(grounds(world, yaml.safe_dump(said)).flow())

        yield flow
