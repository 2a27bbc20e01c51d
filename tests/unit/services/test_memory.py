"""What a provisioner remembers: documents of the previous release, and how long a dry group is left alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.services.memory import COLLECTION, FIRST_SECONDS, LONGEST_SECONDS, Dry, drier, load, save
from poolwright.services.ports import Ports
from poolwright.verdicts import Busy

KEY = "projects/p/locations/l/clusters/c/nodeProvisioners/l4"
GROWTH = {"group": "g", "names": ["g-1", "g-2"], "reason": "pods wait"}
DRAIN = {"node": "n", "group": "g", "began": 5.0, "reason": "idle", "deleting": True}


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return cast("Ports", SimpleNamespace(store=SqliteStore(tmp_path / "x.db")))


@pytest.mark.parametrize(
    "said", [{"growth": GROWTH}, {"drain": DRAIN}, {"growth": None, "drain": None}], ids=["growing", "draining", "idle"]
)
def test_what_the_previous_release_began_is_known(ports: Ports, said: dict[str, Any]) -> None:
    body = {"schema": 1, "sequence": 7, "changed_at": 12.5, "growth": None, "drain": None, **said}
    ports.store.put(COLLECTION, KEY, body, version=None)
    memory = load(ports, KEY)
    assert (memory.schema, memory.sequence, memory.grown_at, memory.shrunk_at) == (2, 7, 12.5, 12.5)
    assert (memory.growth.names if memory.growth else ()) == tuple((said.get("growth") or {}).get("names", ()))
    assert [each.node for each in memory.drains] == ([DRAIN["node"]] if said.get("drain") else [])
    written = save(ports, KEY, memory, sequence=8)
    assert load(ports, KEY) == written


def test_of_two_who_remember_at_once_one_comes_again(ports: Ports) -> None:
    first = save(ports, KEY, load(ports, KEY), sequence=1)
    save(ports, KEY, first, sequence=2)
    with pytest.raises(Busy):
        save(ports, KEY, first, sequence=3)


@given(tries=st.integers(0, 20), late=st.floats(0, LONGEST_SECONDS - 1), seed=st.text())
def test_a_dry_group_is_left_alone_twice_as_long_each_time_and_an_hour_at_most(
    tries: int, late: float, seed: str
) -> None:
    now = 1e9
    known = Dry(tries=tries, until=now - late)
    again = drier(known, seed, "no stock", now=now)
    most = min(LONGEST_SECONDS, FIRST_SECONDS * 2**tries)
    assert 0.9 * most <= again.until - now <= most
    assert again.tries == tries + 1
    assert again == drier(known, seed, "no stock", now=now)


def test_how_often_a_group_was_dry_long_ago_does_not_count() -> None:
    now = 1e9
    assert drier(Dry(tries=6, until=now - 2 * LONGEST_SECONDS), "x", "", now=now).tries == 1
    assert drier(None, "x", "", now=now).tries == 1
