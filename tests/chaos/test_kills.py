"""Wherever a process is killed, the end is that of a clean run: only the stores and the world survive, and they are
enough.

A clean run in which every message is taken by a process of its own gives the list of all outside calls. Then, a run
each, the process that takes one message gets a real SIGKILL at one of its calls. Nobody acknowledged the message, so
Pub/Sub brings it again; what the dead one held comes free by time.

Which points are struck. A process can die at any moment; what survives it is the world and the stores, which only its
outside calls change, each at one moment: when Google, the cluster, Pub/Sub or the store acts. So of two moments with no
act between them what survives is the same, and one stands for both: dying after the answer of call n is dying before
call n + 1; dying before a read is dying after it, as a read changes nothing; dying while a call is on its way is dying
before it or after its act. Left are: before the first call that may change something, and after each one that may. A
message without such a call leaves no trace, and dying over it is a message that comes late, which `test_messages` has.
One short story is struck before and after each of its calls, reads too, to keep this argument honest.

Points are of one kind if messages of one kind have led to the same calls so far, but for names: the second group of a
wave is changed as the first one is, and in the next story too. The slow tests, which CI runs, strike a point of each
kind in each world (CHAOS_TURN=n says which, for whoever runs them night by night), and with CHAOS_ALL=1 every point of
every story; `make test` strikes a few points of an eighth of the flows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

import pytest

from tests.chaos.flows import STORIES, Story
from tests.chaos.outside import OutsideCall
from tests.chaos.processes import Kill
from tests.chaos.runs import TODAYS, TURN, Clean, Struck, expect_same_end, part_of

SAMPLE = 2  # points a story every day
ELSEWHERE = {"collecting", "replacing", "surging", "rebuilding"}  # worlds with files of their own, to run side by side


def stories(*, elsewhere: set[str]) -> pytest.MarkDecorator:
    """Those that play in these worlds of ELSEWHERE; all others where none is named."""
    found = [each for each in STORIES if (each.world in elsewhere if elsewhere else each.world not in ELSEWHERE)]
    return pytest.mark.parametrize("story", found, ids=lambda story: story.name)


@pytest.mark.parametrize("story", TODAYS, ids=lambda story: story.name)
def test_a_flow_survives_a_kill_at_some_of_its_calls(story: Story, clean: Callable[[Story], Clean]) -> None:
    every = list(points(clean(story)))
    step = max(1, len(every) // SAMPLE)
    print(f"repeat these kills with CHAOS_TURN={TURN}")
    expect_same_end(clean(story), every[TURN % step :: step])


@pytest.mark.slow
@stories(elsewhere=set())
def test_a_flow_survives_a_kill_at_each_kind_of_call_that_changes_something(
    story: Story, clean: Callable[[Story], Clean]
) -> None:
    survives_each_kind(story, clean)


def survives_each_kind(story: Story, clean: Callable[[Story], Clean]) -> None:
    """The story's part of the points. AssertionError."""
    print(f"repeat these kills with CHAOS_TURN={TURN}")
    expect_same_end(clean(story), part_of(story, lambda each: _kinds(clean(each))))


@pytest.mark.slow
def test_a_flow_survives_a_kill_before_and_after_each_call(clean: Callable[[Story], Clean]) -> None:
    story = next(each for each in STORIES if each.name == "a pool is created")
    expect_same_end(clean(story), _all_points(clean(story)))


def points(clean: Clean) -> Iterable[Struck]:
    """Every point that leaves something else behind."""
    for message, calls in enumerate(clean.outside):
        effects = [number for number, call in enumerate(calls) if call.effect]
        if effects:
            yield _struck(message, calls, Kill(message, effects[0], "before"))
        for number in effects:
            yield _struck(message, calls, Kill(message, number, "after"))


def _kinds(clean: Clean) -> Iterable[tuple[Hashable, Struck]]:
    """The points, each with its kind."""
    for point in points(clean):
        assert point.kill is not None
        done = clean.outline(point.message, calls=point.kill.call + 1)
        yield (clean.messages[point.message], point.kill.when, done), point


def _all_points(clean: Clean) -> Iterable[Struck]:
    for message, calls in enumerate(clean.outside):
        for number in range(len(calls)):
            yield _struck(message, calls, Kill(message, number, "before"))
            yield _struck(message, calls, Kill(message, number, "after"))


def _struck(message: int, calls: tuple[OutsideCall, ...], kill: Kill) -> Struck:
    return Struck(message, f"killed {kill.when} call {kill.call}: {calls[kill.call].name}", kill=kill)
