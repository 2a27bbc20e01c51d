"""A step reads what is not over, however many rollouts there ever were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poolwright.events.work import RolloutWork
from poolwright.rollouts.rollout import Rollout, encode
from poolwright.services import known_rollouts, step
from poolwright.services.ports import Stored
from tests.unit.rollouts.fleet import rollout as planned
from tests.unit.services.conftest import Outside, Store, environment


class Counting(Store):
    """The real store; `read` counts documents, by collection."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read: Counter[str] = Counter()

    def get(self, collection: str, key: str) -> Stored | None:
        self.read[collection] += 1
        return super().get(collection, key)

    def all(self, collection: str) -> list[Stored]:
        found = super().all(collection)
        self.read[collection] += len(found)
        return found

    def beginning(self, collection: str, prefix: str) -> list[Stored]:
        found = super().beginning(collection, prefix)
        self.read[collection] += len(found)
        return found


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "store.db")


@pytest.fixture
def outside(store: Counting) -> Outside:
    return Outside(store=store, environments=(environment("dev", "acme-dev"),))


def put(outside: Outside, run_id: int, **fields: Any) -> Rollout:
    made = msgspec.structs.replace(planned(), id=f"dev-{run_id}", run_id=run_id, created=run_id, **fields)
    outside.store.put(known_rollouts.COLLECTION, made.id, encode(made), version=None)
    return made


def listed(outside: Outside) -> list[str]:
    return [each.id for each in known_rollouts.unfinished(outside.ports, "dev")]


def change(outside: Outside, rollout: str, **fields: Any) -> None:
    stored = outside.store.get(known_rollouts.COLLECTION, rollout)
    assert stored is not None
    outside.store.put(known_rollouts.COLLECTION, rollout, stored.body | fields, version=stored.version)


def read_by_a_step(outside: Outside, store: Counting, *, over: int) -> int:
    for run_id in range(1, over + 1):
        put(outside, run_id, phase="done")
    under_way = put(outside, over + 1, phase="mutating", paused=True)
    known_rollouts.tidied(outside.ports, "dev")
    store.read.clear()
    step.handle(RolloutWork(rollout=under_way.id, cause="a test"), outside.ports)
    return store.read[known_rollouts.COLLECTION]


@pytest.mark.parametrize("over", [1, 60])
def test_the_rollouts_that_a_step_reads_do_not_grow_with_those_that_are_over(
    outside: Outside, store: Counting, over: int
) -> None:
    assert read_by_a_step(outside, store, over=over) <= 3


def test_what_the_previous_release_left_is_found_without_a_list_and_listed_by_the_first_tick(outside: Outside) -> None:
    put(outside, 1, phase="done")
    put(outside, 2, phase="mutating")
    assert "dev-2" in listed(outside)
    assert [each.id for each in known_rollouts.tidied(outside.ports, "dev")] == ["dev-2"]
    stored = outside.store.get(known_rollouts.UNFINISHED, "dev")
    assert stored is not None
    assert stored.body == {"rollouts": {"dev-2": 0.0}, "ended": {"dev-1": outside.clock.now()}}


def test_an_older_one_learns_of_a_newer_one_that_ended_meanwhile(outside: Outside) -> None:
    put(outside, 1, phase="mutating")
    put(outside, 2, phase="failed")
    put(outside, 3, phase="done")
    known_rollouts.tidied(outside.ports, "dev")
    assert listed(outside) == ["dev-1", "dev-3"]
    change(outside, "dev-1", phase="superseded")
    known_rollouts.tidied(outside.ports, "dev")
    assert listed(outside) == []


def test_one_that_is_offered_keeps_no_more_than_the_newest(outside: Outside) -> None:
    put(outside, 1, phase="offered")
    for run_id in range(2, 20):
        put(outside, run_id, phase="done")
    known_rollouts.tidied(outside.ports, "dev")
    assert listed(outside) == ["dev-1", "dev-19"]


def test_one_that_was_entered_and_not_stored_yet_stays_entered(outside: Outside) -> None:
    known_rollouts.enter(outside.ports, "dev", "dev-7")
    known_rollouts.tidied(outside.ports, "dev")
    put(outside, 7, phase="mutating")
    assert listed(outside) == ["dev-7"]


def test_one_that_goes_on_again_is_listed_and_its_groups_documents_stay(outside: Outside) -> None:
    put(outside, 1, phase="done")
    known_rollouts.tidied(outside.ports, "dev")
    known_rollouts.enter(outside.ports, "dev", "dev-1")
    assert listed(outside) == ["dev-1"]
    assert known_rollouts.ended(outside.ports, "dev", before=1e12) == []


def test_one_that_a_person_takes_up_again_while_a_tick_looks_at_it_is_not_struck_out(outside: Outside) -> None:
    put(outside, 1, phase="done")
    known_rollouts.enter(outside.ports, "dev", "dev-1")
    outside.clock.time += 1000
    outside.store.before[known_rollouts.UNFINISHED] = lambda: known_rollouts.enter(outside.ports, "dev", "dev-1")
    known_rollouts.tidied(outside.ports, "dev")
    known_rollouts.tidied(outside.ports, "dev")  # he has not written it yet
    change(outside, "dev-1", phase="rolling back")
    assert listed(outside) == ["dev-1"]
    outside.clock.time += 1000
    change(outside, "dev-1", phase="rolled back")
    known_rollouts.tidied(outside.ports, "dev")
    assert listed(outside) == []


def test_one_that_an_older_release_stored_beside_the_list_is_entered(outside: Outside) -> None:
    known_rollouts.tidied(outside.ports, "dev")
    put(outside, 5, phase="mutating")
    assert listed(outside) == []
    assert [each.id for each in known_rollouts.mended(outside.ports, "dev")] == ["dev-5"]
    assert listed(outside) == ["dev-5"]


def test_two_that_begin_at_once_are_both_listed(outside: Outside) -> None:
    known_rollouts.tidied(outside.ports, "dev")
    outside.store.before[known_rollouts.UNFINISHED] = lambda: known_rollouts.enter(outside.ports, "dev", "dev-2")
    known_rollouts.enter(outside.ports, "dev", "dev-1")
    put(outside, 1, phase="mutating")
    put(outside, 2, phase="mutating")
    assert listed(outside) == ["dev-1", "dev-2"]
