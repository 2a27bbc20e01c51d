"""The `Store` port, the same cases on every store we have."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcloud import emulators
from poolwright.adapters.firestore_store import FirestoreStore
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.services.ports import Conflict, Json, Store, Weather

Reopen = Callable[[], Store]


@pytest.fixture(scope="module")
def firestore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = emulators.find_firestore()
    if found is None:
        pytest.skip("no Firestore emulator: the store in Firestore is not proved here")
    running = asyncio.run(found.start(tmp_path_factory.mktemp("firestore")))
    yield running.address
    running.stop()


@pytest.fixture(params=["sqlite", pytest.param("firestore", marks=pytest.mark.official)])
def reopen(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reopen:
    """Opens the same, at first empty, store, each time as a new process would."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "state" / "poolwright.db")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", request.getfixturevalue("firestore"))
    project = f"p-{uuid.uuid4().hex[:8]}"
    return lambda: FirestoreStore(project=project, database="(default)")


@pytest.fixture
def store(reopen: Reopen) -> Store:
    return reopen()


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get("rollouts", "a") is None
    assert store.all("rollouts") == []


def test_what_was_put_is_read_back_at_the_version_that_put_returned(store: Store) -> None:
    version = store.put("rollouts", "a", {"state": "planned"}, version=None)
    found = store.get("rollouts", "a")
    assert found is not None
    assert (found.key, found.version, found.body) == ("a", version, {"state": "planned"})


def test_a_document_is_created_once(store: Store) -> None:
    store.put("rollouts", "a", {"by": "first"}, version=None)
    with pytest.raises(Conflict, match="rollouts/a exists already"):
        store.put("rollouts", "a", {"by": "second"}, version=None)
    assert body(store, "a") == {"by": "first"}


def test_an_update_needs_the_version_that_is_there(store: Store) -> None:
    first = store.put("rollouts", "a", {"n": 1}, version=None)
    second = store.put("rollouts", "a", {"n": 2}, version=first)
    with pytest.raises(Conflict, match=f"rollouts/a is no longer at version {first}"):
        store.put("rollouts", "a", {"n": 3}, version=first)
    assert body(store, "a") == {"n": 2}
    store.put("rollouts", "a", {"n": 4}, version=second)
    assert body(store, "a") == {"n": 4}


def test_an_update_replaces_the_whole_body(store: Store) -> None:
    version = store.put("rollouts", "a", {"old": 1, "deep": {"x": 1}}, version=None)
    store.put("rollouts", "a", {"deep": {"y": 2}}, version=version)
    assert body(store, "a") == {"deep": {"y": 2}}


def test_the_newest_documents_come_in_the_order_of_their_last_writes_and_in_pages(store: Store) -> None:
    versions = {key: store.put("rollouts", key, {"of": key}, version=None) for key in "cabd"}
    store.put("runs", "other", {}, version=None)
    store.put("rollouts", "a", {"of": "a", "again": True}, version=versions["a"])
    page = store.newest("rollouts", most=2)
    assert [(each.key, each.body.get("again", False)) for each in page] == [("a", True), ("d", False)]
    rest = store.newest("rollouts", most=10, before=page[-1].written)
    assert [each.key for each in rest] == ["b", "c"]
    assert store.newest("rollouts", most=10, before=rest[-1].written) == []


def test_a_write_of_the_same_body_moves_the_version_too(store: Store) -> None:
    first = store.put("leases", "a", {"holder": "me"}, version=None)
    second = store.put("leases", "a", {"holder": "me"}, version=first)
    third = store.put("leases", "a", {"holder": "me"}, version=second)
    assert len({first, second, third}) == 3
    with pytest.raises(Conflict):
        store.put("leases", "a", {"holder": "me"}, version=second)


def test_nothing_is_updated_or_deleted_that_is_not_there(store: Store) -> None:
    version = store.put("rollouts", "other", {}, version=None)
    with pytest.raises(Conflict):
        store.put("rollouts", "a", {}, version=version)
    with pytest.raises(Conflict):
        store.delete("rollouts", "a", version=version)
    assert store.get("rollouts", "a") is None


def test_a_delete_needs_the_version_that_is_there(store: Store) -> None:
    first = store.put("rollouts", "a", {"n": 1}, version=None)
    second = store.put("rollouts", "a", {"n": 2}, version=first)
    with pytest.raises(Conflict):
        store.delete("rollouts", "a", version=first)
    store.delete("rollouts", "a", version=second)
    assert store.get("rollouts", "a") is None


def test_a_document_made_again_is_not_at_an_old_version(store: Store) -> None:
    old = store.put("leases", "a", {"holder": "first"}, version=None)
    store.delete("leases", "a", version=old)
    store.put("leases", "a", {"holder": "second"}, version=None)
    with pytest.raises(Conflict):
        store.put("leases", "a", {"holder": "first"}, version=old)
    assert body(store, "a", collection="leases") == {"holder": "second"}


def test_collections_do_not_see_each_other_and_list_by_key(store: Store) -> None:
    for key in ("b", "a/2", "a", "B", "ä"):
        store.put("rollouts", key, {"key": key}, version=None)
    store.put("leases", "a", {"lease": True}, version=None)
    assert [document.key for document in store.all("rollouts")] == ["B", "a", "a/2", "b", "ä"]
    assert [document.body for document in store.all("rollouts")] == [
        {"key": key} for key in ("B", "a", "a/2", "b", "ä")
    ]
    assert [document.body for document in store.all("leases")] == [{"lease": True}]


@pytest.mark.parametrize(
    "key", [".", "..", "__x__", "_", "%2F", "projects/p/zones/z/instanceGroupManagers/g", "日本 語"]
)
def test_any_text_is_a_key(store: Store, key: str) -> None:
    store.put("groups", key, {"its": key}, version=None)
    assert body(store, key, collection="groups") == {"its": key}
    assert [document.key for document in store.all("groups")] == [key]


@pytest.mark.parametrize(
    "value",
    [
        {"ünï": "☃ 🚀 \u2028 \x00 \\ \" '"},
        {"nested": [[1, [2, []]], {"a.b": {"`": None}}], "__reserved__": True},
        {"numbers": [0, -1, 2**53, 2**63, 1e300, 0.1]},
        {},
        {"log": "x" * 900_000},
    ],
    ids=["unicode", "nested", "numbers", "empty", "big"],
)
def test_a_body_comes_back_as_it_was(store: Store, value: Json) -> None:
    store.put("rollouts", "a", value, version=None)
    assert body(store, "a") == value


def test_a_store_opened_again_has_it_all(reopen: Reopen) -> None:
    first = reopen().put("rollouts", "a", {"n": 1}, version=None)
    reopen().put("rollouts", "a", {"n": 2}, version=first)
    assert body(reopen(), "a") == {"n": 2}


def test_of_many_threads_that_create_exactly_one_wins(reopen: Reopen) -> None:
    assert race([reopen] * 8, lambda store, me: store.put("leases", "a", {"holder": me}, version=None)) == 1


def test_of_many_threads_that_update_one_version_exactly_one_wins(store: Store) -> None:
    version = store.put("leases", "a", {"holder": "nobody"}, version=None)
    same_body = {"holder": "somebody"}
    assert race([lambda: store] * 8, lambda store, _: store.put("leases", "a", same_body, version=version)) == 1


def test_counting_in_many_threads_loses_nothing(reopen: Reopen) -> None:
    reopen().put("counters", "runs", {"value": 0}, version=None)

    def count(_: int) -> None:
        store, done = reopen(), 0
        while done < 5:
            found = store.get("counters", "runs")
            assert found is not None
            try:
                store.put("counters", "runs", {"value": found.body["value"] + 1}, version=found.version)
                done += 1
            except Conflict:
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert body(reopen(), "runs", collection="counters") == {"value": 20}


def test_of_many_processes_exactly_one_creates_a_document(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from poolwright.adapters.sqlite_store import SqliteStore\n"
        "from poolwright.services.ports import Conflict\n"
        "store = SqliteStore(sys.argv[1]); won = 0\n"
        "for n in range(50):\n"
        "    try: store.put('leases', str(n), {}, version=None); won += 1\n"
        "    except Conflict: pass\n"
        "print(won)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "shared.db")]
    shared = str(Path(__file__).parents[3] / "shared")
    running = [
        subprocess.Popen(command, env={"PYTHONPATH": shared}, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in running) == 50


def race(opens: list[Reopen], write: Callable[[Store, str], int]) -> int:
    """How many of the writers, each in a thread of its own, were not told of a conflict."""

    def one(number: int) -> bool:
        try:
            write(opens[number](), f"writer {number}")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(opens)) as pool:
        return sum(pool.map(one, range(len(opens))))


def body(store: Store, key: str, *, collection: str = "rollouts") -> Json:
    found = store.get(collection, key)
    assert found is not None
    return found.body


def test_documents_are_found_by_the_beginning_of_their_keys(store: Store) -> None:
    for key in ("dev-1|projects/p/a", "dev-1|projects/p/ü", "dev-10|projects/p/a", "dev-1", "dev-1}", "DEV-1|a"):
        store.put("targets", key, {}, version=None)
    store.put("rollouts", "dev-1|projects/p/a", {}, version=None)
    assert [each.key for each in store.beginning("targets", "dev-1|")] == ["dev-1|projects/p/a", "dev-1|projects/p/ü"]
    assert store.beginning("targets", "dev-2|") == []


def test_a_file_that_another_process_keeps_busy_is_weather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "poolwright.db"
    monkeypatch.setattr("poolwright.adapters.sqlite_store._BUSY_SECONDS", 0.01)
    store = SqliteStore(path)
    store.put("things", "a", {}, version=None)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Weather, match="busy"):
            store.put("things", "b", {}, version=None)
        other.execute("ROLLBACK")
    store.put("things", "b", {}, version=None)
    assert [each.key for each in store.all("things")] == ["a", "b"]
