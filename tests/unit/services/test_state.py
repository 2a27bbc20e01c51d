"""What the ConfigMaps of a cluster allow."""

from __future__ import annotations

import pytest

from poolwright.nodes import ConfigMap
from poolwright.services.state import RUNNING, SUSPENDED, States, of


def said(name: str, word: str, *, version: str = "7") -> ConfigMap:
    return ConfigMap(name=name, data={"STATE": word}, version=version)


def test_nothing_said_means_running() -> None:
    for found in (of([]), of([ConfigMap(name="poolwright", data={"OTHER": "x"}, version="1")])):
        assert (found.state, found.problem, found.forbids("n1"), found.suspended) == (RUNNING, "", "", frozenset())


def test_a_suspended_cluster_forbids_every_node_but_empties_none() -> None:
    found = of([said("poolwright", SUSPENDED)])
    assert found.state == SUSPENDED
    assert "set its STATE to Running" in found.forbids("n1")
    assert not found.suspended


def test_a_nodes_own_word_wins_either_way() -> None:
    stopped = of([said("poolwright", SUSPENDED), said("poolwright-node-n1", RUNNING)])
    assert (stopped.forbids("n1"), bool(stopped.forbids("n2"))) == ("", True)
    going = of([said("poolwright", RUNNING), said("poolwright-node-n1", SUSPENDED)])
    assert going.suspended == {"n1"}
    assert (going.problem, bool(going.forbids("n1")), going.forbids("n2")) == ("", True, "")


@pytest.mark.parametrize("word", ["Paused", "running", "drainandsuspend"])
def test_another_word_begins_nothing_and_empties_nothing(word: str) -> None:
    found = of([said("poolwright", word), said("poolwright-node-n1", word)])
    assert found.state == SUSPENDED
    assert repr(word) in found.problem
    assert repr(word) in found.forbids("n1")
    assert not found.suspended


def test_a_node_is_cordoned_in_another_name_each_time_that_it_is_suspended() -> None:
    first, second = (of([said("poolwright-node-n1", SUSPENDED, version=version)]) for version in ("7", "9"))
    assert first.holder("n1") != second.holder("n1")


def test_what_cannot_be_read_begins_nothing() -> None:
    assert States(problem="it cannot be read").forbids("n1") == "it cannot be read"
