"""All flows once, with every function held to its role; what the functions did meanwhile."""

from __future__ import annotations

import contextlib
from functools import cache

import pytest

from tests.chaos import flows as chaos
from tests.chaos.conftest import HERE as CHAOS
from tests.chaos.runs import play
from tests.permissions import flows, roles
from tests.permissions.guarded import Guarded, Seen


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Half a minute."""
    found = Seen()
    allowed = {function: roles.of_function(function) for function in roles.FUNCTIONS}
    with contextlib.ExitStack() as stack:

        @cache
        def ground(world: str) -> Guarded:
            made = Guarded(
                folder=tmp_path_factory.mktemp(world), world=CHAOS / "worlds" / f"{world}.yaml",
                environments=CHAOS / "environments" / world, roles=allowed, seen=found,
            )  # fmt: skip
            stack.callback(made.close)
            return made

        for story in (*chaos.STORIES, *flows.STORIES):
            try:
                with ground(story.world).flow() as flow:
                    play(story, flow)
            except AssertionError:
                if not found.denied:  # else a test tells of that
                    raise
    return found
