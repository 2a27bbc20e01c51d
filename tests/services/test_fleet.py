"""What a rollout of a whole fleet costs: calls, reads of the store, and the size of what is stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

import msgspec
import pytest

from bench import wide
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.rollouts.rollout import decode, encode
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow, Json

COMPUTE = "compute.googleapis.com"
SMALL, LARGE = 6, 12
READ: dict[str, Callable[..., Any]] = {name: getattr(SqliteStore, name) for name in ("get", "all", "beginning")}
# A field of a Firestore document: 1 MiB less 89 bytes (https://cloud.google.com/firestore/quotas#limits).
MOST_BYTES = 1024 * 1024 - 89


Twice = Callable[[int], "tuple[Ran, Ran]"]


@dataclass(frozen=True)
class Ran:
    """A rollout that has ended: its calls of Compute, the writes among all its calls, the documents that it read of the
    store by their collection, and its own document."""

    calls: Counter[str]
    writes: list[str]
    reads: Counter[str]
    document: Json


def roll_out(flow: Flow) -> Ran:
    """From the start command until all is done; the second time there is nothing to do, and no rollout."""
    flow.stack.world.calls.clear()
    known = len(done(flow))
    with counted() as reads:
        flow.publish("rollout-commands", {"action": "start", "environment": wide.NAME, "runId": wide.RUN_ID})
        if known:
            flow.pass_time(60)
        else:
            flow.until(lambda: bool(done(flow)), what="the end of the rollout")
        flow.settle()
    calls = flow.stack.world.calls
    return Ran(
        calls=Counter(each.method for each in calls if each.host == COMPUTE),
        writes=[each.method for each in calls.mutating() if not each.host.startswith("pubsub")],
        reads=reads,
        document=done(flow)[-1],
    )


def done(flow: Flow) -> list[Json]:
    """The documents of rollouts that are done, oldest first; not counted."""
    found = [each.body for each in READ["all"](flow.ports.store, "rollouts")]
    return sorted((each for each in found if each["phase"] == "done"), key=lambda each: float(each["created"]))


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """The documents that are read meanwhile."""
    reads: Counter[str] = Counter()

    def counting(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(store: SqliteStore, collection: str, *more: Any) -> Any:
            found = read(store, collection, *more)
            reads[collection] += len(found) if isinstance(found, list) else 1
            return found

        return reading

    with ExitStack() as stack:
        for name, read in READ.items():
            stack.enter_context(mock.patch.object(SqliteStore, name, counting(read)))
        yield reads


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Ran, Ran]]:
    """Two rollouts of the same image to a fleet of so many groups."""

    @cache
    def twice(groups: int) -> tuple[Ran, Ran]:
        folder = tmp_path_factory.mktemp(f"fleet-{groups}")
        files = wide.write(groups, folder)
        ground = Ground(folder=folder, world=files.world, environments=files.environments)
        try:
            with ground.flow() as flow:
                return roll_out(flow), roll_out(flow)
        finally:
            ground.close()

    return twice


def polls(calls: Counter[str]) -> int:
    return sum(count for method, count in calls.items() if method.endswith("_operations.Wait"))


def lists(calls: Counter[str]) -> Counter[str]:
    return Counter({method: count for method, count in calls.items() if "List" in method})


def test_a_mutated_group_of_a_fleet_costs_five_calls_and_two_polls_an_operation(ran: Twice) -> None:
    small, large = ran(SMALL)[0].calls, ran(LARGE)[0].calls
    more = LARGE - SMALL
    assert polls(large) - polls(small) <= 2 * 2 * more
    assert (large.total() - polls(large)) - (small.total() - polls(small)) <= 5 * more
    assert large["instance_templates.Insert"] == large["instance_group_managers.Patch"] == LARGE


def test_a_larger_fleet_is_not_listed_more_often(ran: Twice) -> None:
    assert lists(ran(LARGE)[0].calls) == lists(ran(SMALL)[0].calls)
    of_the_canary = {"images.List", "instance_group_managers.ListManagedInstances"}
    rest = lists(ran(LARGE)[0].calls).keys() - of_the_canary
    assert all(method.endswith(".AggregatedList") for method in rest)


def test_no_group_is_read_of_the_store_more_often_because_there_are_more(ran: Twice) -> None:
    small, large = ran(SMALL)[0].reads, ran(LARGE)[0].reads
    for collection in large:
        grown = large[collection] - small[collection]
        assert grown <= (LARGE - SMALL) * (small[collection] / SMALL + 4), (collection, small, large)


def test_a_fleet_that_is_right_already_is_written_nothing(ran: Twice) -> None:
    first, again = ran(SMALL)
    assert first.writes
    assert again.reads["rollouts"], "it was looked at"
    assert not again.writes


def test_a_thousand_targets_fit_a_document(ran: Twice) -> None:
    rollout = decode(ran(SMALL)[0].document)
    wave = rollout.waves[-1]
    target = wave.targets[0]
    name = "n" * 63
    longest = {
        "group": f"projects/{'p' * 30}/zones/northamerica-northeast1-a/instanceGroupManagers/{name}",
        "pool": f"projects/{'p' * 30}/locations/northamerica-northeast1/clusters/{'c' * 40}/nodePools/{'n' * 40}",
        "reason": f"{name} points at {name}; run {10**6} of {'production'} implies {name}, made from {name}.",
    }
    many = tuple(msgspec.structs.replace(target, **longest) for _ in range(1000))
    waves = (*rollout.waves[:-1], msgspec.structs.replace(wave, targets=many))
    document = encode(msgspec.structs.replace(rollout, waves=waves))
    assert len(json.dumps(document, ensure_ascii=False).encode()) <= MOST_BYTES
