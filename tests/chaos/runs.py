"""Runs of a story, and what they came to: a clean one, and struck ones that must end as it did."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from localcloud.calls import CallRecord
from tests.chaos import dump
from tests.chaos.flows import STORIES, Story
from tests.chaos.ground import Ground
from tests.chaos.harness import PERSON, Flow, Twist
from tests.chaos.outside import OutsideCall
from tests.chaos.processes import Kill

Item = TypeVar("Item")
_NAME = re.compile(r"[^/ ]*\d[^/ ]*")  # parts of a path that have a digit
Grounds = Callable[[str], Ground]
# What takes long is tried in part; CHAOS_TURN=n tries another part, for whoever runs this night by night.
TURN = int(os.environ.get("CHAOS_TURN", "0"))
TODAYS = tuple(story for number, story in enumerate(STORIES) if number % 8 == TURN % 8)
Dump = dict[str, list[str]]
_COUNTS = re.compile(r'"(sequence|tries)": \d+')
TRIES = ("CreateInstances", "DeleteInstances")


@dataclass(frozen=True)
class Struck:
    """A run in which something befalls one message: a twist, or the death of the process that takes it."""

    message: int
    what: str
    twist: Twist | None = None
    kill: Kill | None = None


@dataclass
class Clean:
    """A clean run: its messages, all calls that the stand-in answered, and what it came to with and without the records
    of what was heard."""

    story: Story
    ground: Ground
    messages: tuple[str, ...] = ()
    calls: tuple[CallRecord, ...] = ()
    with_heard: Dump = field(default_factory=dict)
    without_heard: Dump = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.ground.flow() as flow:
            play(self.story, flow)
            self.messages = tuple(str(each) for each in flow.delivered)
            self.calls = tuple(flow.stack.world.calls)
            self.with_heard = dump.of(flow, heard=True)
            self.without_heard = dump.of(flow, heard=False)

    @property
    def twistable(self) -> list[int]:
        """The messages by their numbers: all but what people run, which comes once, and what is only passed on."""
        return [number for number, each in enumerate(self.messages) if not each.startswith((PERSON, "notify"))]

    def outline(self, message: int, *, calls: int | None = None) -> tuple[str, ...]:
        """The calls that a message leads to, or the first few, without the names of what they are about."""
        return tuple(_NAME.sub("NAME", call.name) for call in self.outside[message][:calls])

    @cached_property
    def outside(self) -> tuple[tuple[OutsideCall, ...], ...]:
        """The calls of each message, taken by a process that has just started. AssertionError where that makes a
        difference, or where the stand-in was asked something that was not seen to leave the process."""
        with self.ground.flow(apart=True) as flow:
            play(self.story, flow)
            assert tuple(str(each) for each in flow.delivered) == self.messages
            assert not dump.difference(self.with_heard, dump.of(flow, heard=True))
            seen = [sum(call.way != "store" for call in each.calls) for each in flow.outside]
            assert seen == flow.answered, "calls by a way that tests/chaos/outside.py does not know"
            return tuple(each.calls for each in flow.outside)


def part_of(story: Story, kinds: Callable[[Story], Iterable[tuple[Hashable, Item]]]) -> list[Item]:
    """What a story has to try: of things of one kind, in all stories of its world, one is tried; CHAOS_TURN says which.
    With CHAOS_ALL=1 everything is."""
    if os.environ.get("CHAOS_ALL"):
        return [each for _, each in kinds(story)]
    alike: dict[Hashable, list[tuple[str, Item]]] = defaultdict(list)
    for other in STORIES:
        if other.world == story.world:
            for kind, each in kinds(other):
                alike[kind].append((other.name, each))
    picked = [group[TURN % len(group)] for group in alike.values()]
    return [each for name, each in picked if name == story.name]


def without_tries(ended: Mapping[str, list[str]]) -> Dump:
    """What a run came to, however often something was tried before."""
    calls: list[str] = []
    for line in ended.get("calls", []):
        if line not in calls or not any(f" instance_group_managers.{each} " in line for each in TRIES):
            calls.append(line)
    once = {name: sorted(set(lines)) for name, lines in ended.items() if name == "store records"}
    counted = {name: [_COUNTS.sub("", line) for line in lines] for name, lines in ended.items()}
    counted.pop("calls", None)
    counted.pop("world compute.groupErrors", None)
    return {**counted, **once, "calls": calls}


def play(story: Story, flow: Flow) -> None:
    """From the story's beginning until all is calm."""
    story.play(flow)
    flow.calm_down()


def expect_same_end(clean: Clean, runs: Iterable[Struck]) -> None:
    """Each of the runs ends as the clean one; all that do not are told of."""
    runs, found = list(runs), []
    for run in runs:
        with clean.ground.flow(twist=run.twist, victim=run.message, kill=run.kill) as flow:
            what = f"message {run.message} ({clean.messages[run.message]}) {run.what}"
            try:
                play(clean.story, flow)
            except AssertionError as wrong:
                found.append(f"{what}: {wrong}")
                continue
            assert str(flow.delivered[run.message]) == clean.messages[run.message], (
                "the run went another way before it was struck"
            )
            dropped = run.twist == "dropped"
            before: Mapping[str, list[str]] = clean.without_heard if dropped else clean.with_heard
            after: Mapping[str, list[str]] = dump.of(flow, heard=not dropped)
            if clean.story.tried_anew:
                before, after = without_tries(before), without_tries(after)
            if difference := dump.difference(before, after):
                found.append(f"{what}:\n{difference}")
    told = f"{clean.story.name}: {len(found)} of {len(runs)} runs ended otherwise\n\n" + "\n\n".join(found)
    assert not found, told
