"""Whatever arrives, opening and decoding end in an event or in a verdict, never in another exception."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.events import cloud_build, incident, node_pool, rollout_command, tick, work
from poolwright.events.envelope import CLOUD_EVENT_TYPE, Message, open_envelope
from poolwright.verdicts import Irrelevant, Refused
from tests.payloads.samples import NAMES, PUBLISHED, load, push

DECODERS: list[Callable[[Message], Any]] = [
    cloud_build.decode,
    incident.decode,
    node_pool.decode,
    rollout_command.decode,
    tick.decode,
    work.decode,
]

TEXT = st.text(st.characters(exclude_categories=()))  # half of a surrogate pair included: JSON can say it
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["content-type", "ce-type", "ce-id", "ce-time", "x-goog-pubsub-message-id", "x-goog-pubsub-publish-time"]
    ),
    st.text() | st.sampled_from(["application/cloudevents+json", CLOUD_EVENT_TYPE, "2026-11-20T10:00:00Z"]),
)
COMMAND = {"action": "start", "environment": "dev", "runId": 42, "requester": "ada", "reason": "why"}
WORK = {"kind": "provisioner", "project": "p", "location": "l", "cluster": "c", "name": "n", "cause": "why"}
VALID: list[dict[str, Any]] = [load(name) for name in NAMES] + [
    {"attributes": {}, "data": COMMAND},
    {"attributes": {}, "data": WORK},
]


def ends_well(act: Callable[[], object]) -> None:
    try:
        act()
    except Irrelevant as verdict:
        assert verdict.reason
    except Refused as verdict:
        assert verdict.where
        assert verdict.problem
        assert verdict.remedy


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """`value` with one field somewhere inside replaced or removed."""
    if not isinstance(value, dict) or not value or draw(st.integers(0, 3)) == 0:
        return draw(JSON)
    name = draw(st.sampled_from(sorted(value)))
    rest = {key: inner for key, inner in value.items() if key != name}
    return rest if draw(st.booleans()) and draw(st.booleans()) else {**rest, name: draw(spoilt(value[name]))}


@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()), headers=HEADERS)
def test_any_request_is_opened_or_refused(body: bytes, headers: dict[str, str]) -> None:
    ends_well(lambda: open_envelope(body, headers))


@given(body=st.sampled_from([push(name) for name in NAMES]).flatmap(spoilt))
def test_any_spoilt_push_is_opened_or_refused(body: Any) -> None:
    ends_well(lambda: open_envelope(json.dumps(body).encode(), {"content-type": "application/json"}))


@pytest.mark.parametrize("decode", DECODERS, ids=lambda decode: decode.__module__.rpartition(".")[2])
@given(
    data=st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([sample["data"] for sample in VALID])
    .flatmap(spoilt)
    .map(lambda value: json.dumps(value).encode()),
    attributes=st.sampled_from([sample["attributes"] for sample in VALID])
    | st.dictionaries(st.sampled_from(["status", "type_url", "payload", "project_id"]), st.text()),
)
def test_any_message_becomes_an_event_or_a_verdict(
    decode: Callable[[Message], Any], data: bytes, attributes: dict[str, str]
) -> None:
    message = Message(id="1", publish_time=PUBLISHED, attributes=attributes, data=data, subscription="s")
    ends_well(lambda: decode(message))


@given(
    payload=st.text()
    | st.just(load("gke-notification-upgrade-ended")["attributes"]["payload"])
    .map(json.loads)
    .flatmap(spoilt)
    .map(json.dumps)
)
def test_any_notification_becomes_an_event_or_a_verdict(payload: str) -> None:
    attributes = {**load("gke-notification-upgrade-ended")["attributes"], "payload": payload}
    message = Message(id="1", publish_time=PUBLISHED, attributes=attributes, data=b"prose", subscription="s")
    ends_well(lambda: node_pool.decode(message))
