"""Whatever befalls a message, the end is that of one clean delivery: an event is a hint, the tick heals the rest.

The messages of a flow are those of its clean run. Every day a few messages of an eighth of the flows meet a twist each,
all taking turns; in the slow tests, which CI runs, each kind of message meets every other twist, the rest with another
CHAOS_TURN; and with CHAOS_ALL=1 each message meets every twist. Messages are of one kind if what comes of them is the
same but for names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable

import pytest

from tests.chaos import dump
from tests.chaos.flows import STORIES, Story
from tests.chaos.harness import TWISTS, Twist
from tests.chaos.runs import TODAYS, TURN, Clean, Struck, expect_same_end, part_of, play

todays = pytest.mark.parametrize("story", TODAYS, ids=lambda story: story.name)
EVERY = 12  # one message in so many for each twist
twists = pytest.mark.parametrize("twist", TWISTS)


@todays
def test_a_flow_comes_to_the_same_end_each_time_it_is_played(story: Story, clean: Callable[[Story], Clean]) -> None:
    first = clean(story)
    with first.ground.flow() as flow:
        play(story, flow)
        assert tuple(str(each) for each in flow.delivered) == first.messages
        assert not dump.difference(first.with_heard, dump.of(flow, heard=True))


@todays
@twists
def test_a_flow_ends_as_if_its_messages_had_come_once_and_in_order(
    story: Story, twist: Twist, clean: Callable[[Story], Clean]
) -> None:
    turn = TURN + STORIES.index(story) + TWISTS.index(twist)
    victims = [each for each in clean(story).twistable if (each + turn) % (EVERY * len(TWISTS)) == 0]
    expect_same_end(clean(story), [Struck(each, twist, twist=twist) for each in victims])


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
@twists
def test_a_flow_ends_the_same_whichever_message_is_struck(
    story: Story, twist: Twist, clean: Callable[[Story], Clean]
) -> None:
    messages = part_of(story, lambda each: _kinds(clean(each)))
    if not os.environ.get("CHAOS_ALL"):
        messages = messages[(TURN + TWISTS.index(twist)) % 2 :: 2]
    expect_same_end(clean(story), [Struck(each, twist, twist=twist) for each in messages])


@pytest.mark.parametrize("name", ["load comes"])
def test_a_step_that_is_asked_for_twice_at_once_is_taken_once(name: str, clean: Callable[[Story], Clean]) -> None:
    first = clean(_story(name))
    expect_same_end(first, _twice_at_once(first, first.twistable[TURN % 4 :: 4]))


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_any_step_that_is_asked_for_twice_at_once_is_taken_once(story: Story, clean: Callable[[Story], Clean]) -> None:
    expect_same_end(clean(story), _twice_at_once(clean(story), part_of(story, lambda each: _kinds(clean(each)))))


def _kinds(clean: Clean) -> list[tuple[Hashable, int]]:
    """The messages that may be twisted, each with its kind."""
    return [((clean.messages[each], clean.outline(each)), each) for each in clean.twistable]


def _twice_at_once(clean: Clean, messages: list[int]) -> list[Struck]:
    steps = [number for number in messages if clean.messages[number].startswith("step")]
    return [Struck(each, "at once", twist="at once") for each in steps]


def _story(name: str) -> Story:
    return next(each for each in STORIES if each.name == name)
