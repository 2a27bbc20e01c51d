"""`poolwright stop` where something is wrong with what it tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poolwright.cli import session
from poolwright.cli.app import run
from poolwright.services import stop
from poolwright.services.ports import Missing
from tests.unit.services.conftest import Outbox, Outside, Store


class NoTopic(Outbox):
    """Pub/Sub, where somebody has deleted the topic `notifications`."""

    def publish(self, topic: str, data: bytes, attributes: Any = None) -> str:
        raise Missing(f"projects/acme-dev/topics/{topic}")


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outside:
    found = Outside(store=Store(tmp_path / "store.db"), publisher=NoTopic())
    monkeypatch.setattr(session, "ports", lambda: found.ports)
    monkeypatch.setattr(session, "requester", lambda: "ada")
    return found


def test_it_is_in_force_without_the_topic_and_says_that_nobody_was_told(
    outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["stop", "--reason", "nodes do not join", "--output", "json"]) == 1
    said = capsys.readouterr()
    assert "nodes do not join" in stop.stopped(outside.ports)
    assert json.loads(said.out) == {"stopped": True, "sentence": stop.stopped(outside.ports)}
    assert "the stop is in force, but nobody could be told of it" in said.err
    assert "topics/notifications" in said.err


def test_the_same_again_tells_it_once_the_topic_is_there(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stop", "--reason", "nodes do not join"]) == 1
    outside.publisher = Outbox()
    assert run(["stop"]) == 0
    assert [(each["what"], each["why"]) for each in outside.publisher.told] == [("stopped", "nodes do not join")]
    assert capsys.readouterr().out.count("poolwright is stopped since") == 2


def test_what_cannot_be_stopped_is_no_stop(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    def bob_is_faster() -> None:
        outside.store.put("control", "stop", {"stopped": False, "who": "bob", "why": "", "at": 1.0}, version=None)

    outside.store.before["control"] = bob_is_faster
    assert run(["stop"]) == 1
    assert stop.stopped(outside.ports) == ""
    assert "in force" not in capsys.readouterr().err
