"""Whatever befalls a message, the end is that of one clean delivery: an event is a hint, the tick heals the rest.

The messages of a flow are those of its clean run. Every day a third of them meet a twist each, the twists taking turns;
the slow tests, which CI runs, let each message meet every twist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from tests.chaos import dump
from tests.chaos.flows import STORIES, Story
from tests.chaos.ground import Ground
from tests.chaos.harness import TWISTS, Flow, Twist

Grounds = Callable[[str], Ground]
stories = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
twists = pytest.mark.parametrize("twist", TWISTS)


@dataclass(frozen=True)
class Clean:
    """A clean run: its messages, and what it came to with and without the records of what was heard."""

    messages: tuple[str, ...]
    with_heard: dict[str, list[str]]
    without_heard: dict[str, list[str]]


@pytest.fixture(scope="session")
def clean(ground: Grounds) -> Callable[[Story], Clean]:
    """The clean run of a story."""

    @cache
    def run(story: Story) -> Clean:
        with ground(story.world).flow() as flow:
            _play(story, flow)
            return Clean(
                messages=tuple(str(each) for each in flow.delivered),
                with_heard=dump.of(flow, heard=True),
                without_heard=dump.of(flow, heard=False),
            )

    return run


@stories
def test_a_flow_comes_to_the_same_end_each_time_it_is_played(
    story: Story, ground: Grounds, clean: Callable[[Story], Clean]
) -> None:
    first = clean(story)
    with ground(story.world).flow() as flow:
        _play(story, flow)
        assert tuple(str(each) for each in flow.delivered) == first.messages
        assert not dump.difference(first.with_heard, dump.of(flow, heard=True))


@stories
@twists
def test_a_flow_ends_as_if_its_messages_had_come_once_and_in_order(
    story: Story, twist: Twist, ground: Grounds, clean: Callable[[Story], Clean]
) -> None:
    turn = STORIES.index(story) + TWISTS.index(twist)
    victims = [each for each in range(len(clean(story).messages)) if (each + turn) % (3 * len(TWISTS)) == 0]
    _expect_same_end(story, twist, victims, ground, clean)


@pytest.mark.slow
@stories
@twists
def test_a_flow_ends_the_same_whichever_message_is_struck(
    story: Story, twist: Twist, ground: Grounds, clean: Callable[[Story], Clean]
) -> None:
    _expect_same_end(story, twist, range(len(clean(story).messages)), ground, clean)


@pytest.mark.parametrize("name", ["an image is built", "load comes", "load goes"])
def test_a_step_that_is_asked_for_twice_at_once_is_taken_once(
    name: str, ground: Grounds, clean: Callable[[Story], Clean]
) -> None:
    story = next(each for each in STORIES if each.name == name)
    steps = [number for number, each in enumerate(clean(story).messages) if each.startswith("step")]
    _expect_same_end(story, "at once", steps, ground, clean)


def _expect_same_end(
    story: Story, twist: Twist, victims: range | list[int], ground: Grounds, clean: Callable[[Story], Clean]
) -> None:
    expected, found = clean(story), []
    for victim in victims:
        with ground(story.world).flow(twist=twist, victim=victim) as flow:
            what = f"message {victim} ({expected.messages[victim]}) {twist}"
            try:
                _play(story, flow)
            except AssertionError as wrong:
                found.append(f"{what}: {wrong}")
                continue
            assert str(flow.delivered[victim]) == expected.messages[victim], "the run went another way before the twist"
            before = expected.without_heard if twist == "dropped" else expected.with_heard
            if difference := dump.difference(before, dump.of(flow, heard=twist != "dropped")):
                found.append(f"{what}:\n{difference}")
    assert not found, f"{story.name}: {len(found)} of {len(victims)} runs ended otherwise\n\n" + "\n\n".join(found)


def _play(story: Story, flow: Flow) -> None:
    story.play(flow)
    flow.calm_down()
