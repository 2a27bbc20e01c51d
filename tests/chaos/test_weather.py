"""A fifth of all outside calls fails, half of them after they have acted: every flow ends well all the same, as the
clean run ends, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos import dump
from tests.chaos.flows import STORIES, Story
from tests.chaos.runs import THIRD, TURN, Clean, play
from tests.chaos.weather import Weather


@pytest.mark.parametrize("story", THIRD, ids=lambda story: story.name)
def test_a_flow_ends_well_in_bad_weather(story: Story, clean: Callable[[Story], Clean]) -> None:
    _expect_same_end(clean(story), seed=TURN)


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_flow_ends_well_in_any_bad_weather(story: Story, seed: int, clean: Callable[[Story], Clean]) -> None:
    _expect_same_end(clean(story), seed=seed)


def _expect_same_end(clean: Clean, *, seed: int) -> None:
    weather = Weather(seed=seed)
    with clean.ground.flow(weather=weather) as flow:
        play(clean.story, flow)
        print(f"seed {seed}: {dict(weather.seen)}, {len(flow.answers)} deliveries, {flow.dead_letters} dead letters")
        assert any(kind.endswith("after acting") for kind in weather.seen)
        difference = dump.difference(clean.without_heard, dump.of(flow, heard=False))
    assert not difference, f"{clean.story.name}, seed {seed}:\n{difference}"
