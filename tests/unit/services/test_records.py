"""Records, and the notifications they are told by."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from poolwright.entries import Entry
from poolwright.services import records
from poolwright.services.ports import Weather
from tests.unit.services.conftest import Outside

SECRET = base64.b64encode(bytes(range(256))).decode()


def entry(what: str = "now on template t", **more: Any) -> Entry:
    return Entry(kind="mutation", subject="projects/p/g", what=what, at=1.0, environment="dev", **more)


def stored(outside: Outside) -> list[str]:
    return [each.body["what"] for each in outside.store.all("records")]


def test_a_record_is_published_before_it_is_in_the_store(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> str:
        raise Weather("Pub/Sub is away")

    monkeypatch.setattr(outside.publisher, "publish", away)
    with pytest.raises(Weather):
        records.tell(outside.ports, [entry()])
    assert stored(outside) == []
    monkeypatch.undo()
    records.tell(outside.ports, [entry()])
    assert stored(outside) == ["now on template t"]


def test_who_dies_between_topic_and_store_tells_it_again_under_the_same_key(outside: Outside) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    outside.store.before["records"] = die
    with pytest.raises(KeyboardInterrupt):
        records.tell(outside.ports, [entry()])
    records.tell(outside.ports, [entry()])
    assert stored(outside) == ["now on template t"]
    assert len({each["key"] for each in outside.publisher.told}) == 1
    assert len(outside.publisher.told) == 2


def test_what_is_recorded_is_neither_stored_nor_published_again(outside: Outside) -> None:
    for _ in range(2):
        records.record(outside.ports, kind="alert", subject="x", what="opened", cause="message 1")
    records.record(outside.ports, kind="alert", subject="x", what="opened", cause="message 2")
    assert len(stored(outside)) == len(outside.publisher.told) == 2


def test_a_notification_carries_the_record_and_attributes_for_filters(outside: Outside) -> None:
    records.tell(outside.ports, [entry(before="a", after="b", requester="ada", why="run 2", cause="m1")])
    (told,) = outside.publisher.told
    kept = outside.store.all("records")[0]
    assert told.pop("attributes") == {
        "kind": "mutation", "environment": "dev", "subject": "projects/p/g", "key": kept.key
    }  # fmt: skip
    assert told == {"key": kept.key, **kept.body}
    assert kept.body | {"what": ""} == {
        "at": 1.0, "kind": "mutation", "environment": "dev", "subject": "projects/p/g", "what": "", "why": "run 2",
        "cause": "m1", "requester": "ada", "before": "a", "after": "b",
    }  # fmt: skip


def test_what_looks_like_a_key_is_in_no_record_and_no_notification(outside: Outside) -> None:
    odd = Entry(
        kind="refusal", subject="s", what=f"KUBELET_KEY: {SECRET}", at=1.0, why=SECRET,
        details={"excluded": {"a": SECRET}, "nodes": [SECRET]},
    )  # fmt: skip
    records.tell(outside.ports, [odd])
    for text in (str(outside.store.all("records")), str(outside.publisher.told)):
        assert SECRET not in text
        assert "[redacted]" in text
