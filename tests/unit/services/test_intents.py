"""No gap in the audit: whoever dies at any write or publication, the record is completed by whoever comes next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poolwright.entries import Entry
from poolwright.services import intents
from poolwright.services.intents import Intent
from tests.unit.services.conftest import Outside, Store

THING = "projects/p/zones/z/instanceGroupManagers/g"


class Killed(BaseException):
    """The process is gone."""


class World:
    """One group, and what it points at; everything outside may kill, counted from 0."""

    def __init__(self, folder: Path) -> None:
        self.outside = Outside(store=Store(folder / "store.db"))
        self.template = "old"
        self.changes = 0
        self.calls = 0
        self.dies_at = (-1, "")
        for owner, names in ((self.outside.store, ("put", "get", "delete")), (self.outside.publisher, ("publish",))):
            for name in names:
                setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if self.dies_at == (number, "before"):
                raise Killed
            done = act(*arguments, **more)
            if self.dies_at == (number, "after"):
                raise Killed
            return done

        return call

    def step(self, *, wanted: str = "new") -> None:
        """Bring the group to a template, as a step does; the message comes again until one ends."""
        happened = self.points_at
        ports = self.outside.ports
        if self.template == wanted:
            intents.complete(ports, THING, happened=happened)
            return
        effect = Entry(
            kind="mutation", subject=THING, what=f"now on {wanted}", at=ports.clock.now(), before=self.template,
            after=wanted, once=f"{self.template} {wanted} {self.changes}",
        )  # fmt: skip
        decision = Entry(
            kind="mutation", subject=THING, what=f"to be put on {wanted}", at=ports.clock.now(), before=self.template,
            after=wanted, once=f"decided {self.template} {wanted} {self.changes}",
        )  # fmt: skip
        begun = intents.begin(ports, Intent(decision=decision, effect=effect), happened=happened)
        self.around(lambda: self.act(wanted))()
        intents.end(ports, begun)

    def act(self, wanted: str) -> None:
        self.template = wanted
        self.changes += 1

    def points_at(self, left: Intent) -> bool:
        return left.effect.after == self.template

    def records(self) -> list[str]:
        found = sorted(self.outside.store.all("records"), key=lambda each: each.version)
        return [each.body["what"] for each in found]

    def told(self) -> set[str]:
        return {each["what"] for each in self.outside.publisher.told}


def clean_calls(folder: Path) -> int:
    world = World(folder)
    world.step()
    return world.calls


def test_a_clean_pass_is_five_writes_and_two_publications(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.step()
    assert world.calls == 7  # intent, two publications, two records, the effect itself, and no more intent
    assert world.records() == ["to be put on new", "now on new"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_death_at_any_call_leaves_the_audit_of_a_clean_pass(tmp_path: Path, when: str) -> None:
    (tmp_path / "clean").mkdir()
    for number in range(clean_calls(tmp_path / "clean")):
        (tmp_path / f"{number}").mkdir()
        world = World(tmp_path / f"{number}")
        world.dies_at = (number, when)
        with pytest.raises(Killed):
            world.step()
        world.dies_at = (-1, "")
        world.step()
        assert world.records() == ["to be put on new", "now on new"], number
        assert world.told() == {"to be put on new", "now on new"}, number
        assert world.changes == 1
        assert world.outside.store.all("intents") == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_where_something_else_is_wanted_by_then_no_decision_is_left_without_its_end(tmp_path: Path, when: str) -> None:
    (tmp_path / "clean").mkdir()
    for number in range(clean_calls(tmp_path / "clean")):
        (tmp_path / f"{number}").mkdir()
        world = World(tmp_path / f"{number}")
        world.dies_at = (number, when)
        with pytest.raises(Killed):
            world.step()
        world.dies_at = (-1, "")
        world.step(wanted="other")
        records = world.records()
        was_done = world.changes == 2
        assert records[-2:] == ["to be put on other", "now on other"], number
        assert records[:-2] in (
            [["to be put on new", "now on new"]]
            if was_done
            else [[], ["to be put on new", "not done: to be put on new"]]
        ), number
        assert set(records) == world.told()


def test_what_was_left_behind_long_ago_is_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.dies_at = (5, "before")
    with pytest.raises(Killed):
        world.step()
    assert intents.abandoned(world.outside.ports) == []
    world.outside.clock.time += intents.OLD_SECONDS
    assert [each.thing for each in intents.abandoned(world.outside.ports)] == [THING]
