"""Whatever befalls a message, the end is that of one clean delivery: an event is a hint, the tick heals the rest.

The messages of a flow are those of its clean run. Every day a third of them meet a twist each, the twists taking turns;
the slow tests, which CI runs, let each message meet every twist.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos import dump
from tests.chaos.flows import STORIES, Story
from tests.chaos.harness import TWISTS, Twist
from tests.chaos.runs import Clean, Struck, expect_same_end, play

stories = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
twists = pytest.mark.parametrize("twist", TWISTS)


@stories
def test_a_flow_comes_to_the_same_end_each_time_it_is_played(story: Story, clean: Callable[[Story], Clean]) -> None:
    first = clean(story)
    with first.ground.flow() as flow:
        play(story, flow)
        assert tuple(str(each) for each in flow.delivered) == first.messages
        assert not dump.difference(first.with_heard, dump.of(flow, heard=True))


@stories
@twists
def test_a_flow_ends_as_if_its_messages_had_come_once_and_in_order(
    story: Story, twist: Twist, clean: Callable[[Story], Clean]
) -> None:
    turn = STORIES.index(story) + TWISTS.index(twist)
    victims = [each for each in clean(story).twistable if (each + turn) % (3 * len(TWISTS)) == 0]
    expect_same_end(clean(story), [Struck(each, twist, twist=twist) for each in victims])


@pytest.mark.slow
@stories
@twists
def test_a_flow_ends_the_same_whichever_message_is_struck(
    story: Story, twist: Twist, clean: Callable[[Story], Clean]
) -> None:
    expect_same_end(clean(story), [Struck(each, twist, twist=twist) for each in clean(story).twistable])


@pytest.mark.parametrize("name", ["an image is built", "load comes", "load goes"])
def test_a_step_that_is_asked_for_twice_at_once_is_taken_once(name: str, clean: Callable[[Story], Clean]) -> None:
    story = next(each for each in STORIES if each.name == name)
    steps = [number for number, each in enumerate(clean(story).messages) if each.startswith("step")]
    expect_same_end(clean(story), [Struck(each, "at once", twist="at once") for each in steps])
