"""The page of fleets on the stand-in, by the real function and adapters: what it shows is so, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from poolwright.adapters.gke import KubernetesEngine
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.references import PoolRef
from poolwright.services import audit_trail, stop
from poolwright.services.records import record
from tests.chaos.flows.world import groups, release
from tests.status_page.examples import HOSTILE, Parsed
from tests.status_page.fleets import GONE, SERVING, TRAINING, Looked, environment, looked, many, world

PAGES = ("/fleet", "/drift", "/rollouts", "/provisioners", "/audit")
PLACES = [{"name": each.name, "location": each.location} for each in (SERVING, GONE, TRAINING)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """Two clusters that are there and one that is not; run 41 is released and all groups are on it."""
    with looked(tmp_path_factory.mktemp("fleet"), world(), environment(clusters=PLACES)) as found:
        release(found.flow, run_id=41)
        yield found


def clusters(fleet: Looked) -> dict[str, Any]:
    (one,) = fleet.json("/fleet.json")["environments"]
    return {each["cluster"]: each for each in one["clusters"]}


def test_each_group_is_shown_as_compute_and_gke_have_it(fleet: Looked) -> None:
    shown = {(each["group"], each["zone"]): each["nodes"] for each in clusters(fleet)["serving"]["pools"][0]["groups"]}
    there = groups(fleet.flow, PoolRef(SERVING, "l4"))
    assert shown == {(each["name"], each["zone"].rpartition("/")[2]): int(each["targetSize"]) for each in there}
    text = Parsed(fleet.text("/fleet")).text
    assert all(name in text for name, _ in shown)


def test_the_run_that_each_group_is_on_is_told(fleet: Looked) -> None:
    serving = {each["pool"]: each for each in clusters(fleet)["serving"]["pools"]}
    assert {(each["runId"], each["state"]) for each in serving["l4"]["groups"]} == {(41, "right")}
    assert [(each["runId"], each["state"]) for each in serving["a100"]["groups"]] == [(None, "excluded")]
    assert "accelerator nvidia-tesla-a100 is excluded" in Parsed(fleet.text("/drift")).text


def test_a_cluster_that_is_gone_costs_the_others_nothing(fleet: Looked) -> None:
    found = clusters(fleet)
    assert [found[name]["known"] for name in ("serving", "gone", "training")] == ["known", "missing", "known"]
    assert "no such cluster" in Parsed(fleet.text("/fleet")).text


@contextmanager
def failing(*where: str) -> Iterator[None]:
    """These methods of adapters get no answer."""

    def around(call: Any, *args: Any, **named: Any) -> Any:
        raise OSError("the line is dead; Bearer c4n4ry")

    with ExitStack() as stack:
        for name in where:
            module, _, attribute = name.rpartition(".")
            stack.enter_context(mock.patch(f"{module}.{attribute}", around))
        yield


ADAPTERS = "poolwright.adapters"


def test_what_does_not_answer_is_unknown_and_the_rest_is_shown(fleet: Looked) -> None:
    with failing(f"{ADAPTERS}.compute.ComputeEngine.groups"):
        found = clusters(fleet)
        text = Parsed(fleet.text("/fleet")).text
    states = [each for pool in found["serving"]["pools"] for each in pool["groups"]]
    assert {(each["nodes"], each["state"]) for each in states} <= {(None, "unknown"), (None, "excluded")}
    assert "unknown" in text
    assert "run 41 is released" in text


def test_a_cluster_that_says_nothing_is_unknown_and_no_secret_is_told(fleet: Looked) -> None:
    with failing(f"{ADAPTERS}.gke.KubernetesEngine.cluster"):
        text = fleet.text("/fleet") + fleet.text("/drift")
        assert {each["known"] for each in clusters(fleet).values()} == {"unknown"}
    with failing(f"{ADAPTERS}.kubernetes.KubernetesApi.provisioners"):
        text += fleet.text("/provisioners")
        (one,) = fleet.json("/provisioners.json")["environments"]
        assert all(each["unknown"] for each in one["clusters"])
    assert "c4n4ry" not in text
    assert "Unknown" in text


def test_the_last_decision_is_shown_with_its_reason(fleet: Looked) -> None:
    (one,) = fleet.json("/provisioners.json")["environments"]
    found = {each["name"]: each for cluster in one["clusters"] for each in cluster["provisioners"]}
    assert found["l4"]["action"]
    text = Parsed(fleet.text("/provisioners")).text
    assert found["l4"]["why"] in text
    assert found["l4"]["wouldChangeIf"] in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_pool_is_shown_harmless_wherever_it_comes_up(
    fleet: Looked, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that GKE would refuse, and that nobody may rely on its refusing."""
    real = KubernetesEngine.cluster

    def named(self: KubernetesEngine, ref: Any) -> Any:
        found = real(self, ref)
        pools = tuple(replace(each, ref=replace(each.ref, name=text), machine_type=text) for each in found.pools)
        return replace(found, pools=pools)

    plain = [tag for tag, _ in Parsed(fleet.text("/fleet")).elements]
    monkeypatch.setattr(KubernetesEngine, "cluster", named)
    assert [tag for tag, _ in Parsed(fleet.text("/fleet")).elements] == plain
    assert clusters(fleet)["serving"]["pools"][0]["pool"] == text


def test_a_stop_is_on_every_page(fleet: Looked) -> None:
    stop.set_stop(fleet.flow.ports, who="ada@example.com", why="the nodes burn")
    try:
        assert all("the nodes burn" in fleet.text(path) for path in PAGES)
    finally:
        stop.lift(fleet.flow.ports, who="ada@example.com")


def test_records_are_filtered_and_paged_without_a_gap(fleet: Looked) -> None:
    for number in range(audit_trail.PAGE * 2 + 5):
        record(fleet.flow.ports, kind="test", subject=f"thing {number}", what="happened", environment="chaos")
    seen, before = [], 0
    while True:
        page = fleet.json(f"/audit.json?kind=test&before={before}")
        seen += [each["subject"] for each in page["records"]]
        before = page["older"]
        if not before:
            break
    assert seen == [f"thing {number}" for number in reversed(range(audit_trail.PAGE * 2 + 5))]
    only = fleet.json("/audit.json?text=THING+17&environment=chaos")["records"]
    assert [each["subject"] for each in only] == ["thing 17"]
    assert "No record like that" in Parsed(fleet.text("/audit?kind=nothing")).text


def test_the_page_changes_nothing(fleet: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(*_: Any, **__: Any) -> int:
        raise AssertionError("the page wrote")

    fleet.flow.stack.world.calls.clear()
    monkeypatch.setattr(SqliteStore, "put", written)
    monkeypatch.setattr(SqliteStore, "delete", written)
    for path in PAGES:
        fleet.text(path)
    assert fleet.flow.stack.world.calls
    assert not list(fleet.flow.stack.world.calls.mutating())


READ: dict[str, Callable[..., Any]] = {
    name: getattr(SqliteStore, name) for name in ("get", "all", "beginning", "newest")
}


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """The reads of the store meanwhile."""
    reads: Counter[str] = Counter()

    def counting(name: str, read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(store: SqliteStore, collection: str, *more: Any, **named: Any) -> Any:
            reads[f"{name} {collection}"] += 1
            return read(store, collection, *more, **named)

        return reading

    with ExitStack() as stack:
        for name, read in READ.items():
            stack.enter_context(mock.patch.object(SqliteStore, name, counting(name, read)))
        yield reads


LISTS = "instance_group_managers.AggregatedList"


def costs(folder: Path, size: int) -> tuple[dict[str, Counter[str]], int]:
    """What each page of a fleet of so many groups in one cluster costs; how many bytes the largest has."""
    found, largest = {}, 0
    with many(folder, size) as fleet:
        for path in PAGES:
            fleet.flow.stack.world.calls.clear()
            with counted() as reads:
                largest = max(largest, len(fleet.text(path).encode()))
            found[path] = reads + Counter(each.method for each in fleet.flow.stack.world.calls)
    return found, largest


def test_a_thousand_groups_cost_no_more_calls_than_ten_and_no_page_is_over_200_kb(tmp_path: Path) -> None:
    few, _ = costs(tmp_path / "few", 10)
    lots, largest = costs(tmp_path / "lots", 1000)
    for path in PAGES:
        pages, clusters = lots[path].pop(LISTS, 0), 10  # of five hundred groups; wide has a hundred a cluster
        assert pages <= few[path].pop(LISTS, 0) + 1000 // 500, path
        per_cluster = {name: count * clusters if "." in name else count for name, count in few[path].items()}
        assert lots[path] == per_cluster, path
    assert 100_000 < largest < 200_000
