"""Every form a push can have gives the same message; what is no push is refused by the name of the field."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from poolwright.events.envelope import CLOUD_EVENT_TYPE, MAX_BODY_BYTES, Message, open_envelope
from poolwright.verdicts import Refused

ATTRIBUTES = {"buildId": "b-1", "status": "SUCCESS"}
DATA = b'{"id": "b-1"}'
SUBSCRIPTION = "projects/acme-gpu/subscriptions/image-built"
TIME = "2026-11-20T10:02:12.101Z"
JSON = {"content-type": "application/json"}


def inner(**changes: Any) -> dict[str, Any]:
    message = {
        "attributes": ATTRIBUTES,
        "data": base64.b64encode(DATA).decode(),
        "messageId": "17",
        "publishTime": TIME,
        "orderingKey": "k",
    }
    return {name: value for name, value in {**message, **changes}.items() if value is not ...}


def body(**changes: Any) -> bytes:
    return json.dumps({"message": inner(**changes), "subscription": SUBSCRIPTION}).encode()


def expected(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": "17",
        "publish_time": datetime(2026, 11, 20, 10, 2, 12, 101000, tzinfo=UTC),
        "attributes": ATTRIBUTES,
        "data": DATA,
        "subscription": SUBSCRIPTION,
    }
    return Message(**fields | changes)


def test_a_wrapped_push_is_opened() -> None:
    assert open_envelope(body(), JSON) == expected()


def test_a_wrapped_push_in_the_emulators_spelling_is_opened() -> None:
    snake = body(messageId=..., publishTime=..., message_id="17", publish_time=TIME)
    assert open_envelope(snake, JSON) == expected()


def test_the_delivery_attempt_is_kept() -> None:
    envelope = {"message": inner(), "subscription": SUBSCRIPTION, "deliveryAttempt": 4}
    assert open_envelope(json.dumps(envelope).encode(), JSON) == expected(delivery_attempt=4)


def test_a_time_to_the_nanosecond_is_read() -> None:
    message = open_envelope(body(publishTime="2026-11-20T10:02:12.101987654Z"), JSON)
    assert message.publish_time == datetime(2026, 11, 20, 10, 2, 12, 101987, tzinfo=UTC)


def test_a_message_of_attributes_alone_has_empty_data() -> None:
    assert open_envelope(body(data=...), JSON) == expected(data=b"")


def test_an_unwrapped_push_is_opened_and_takes_no_header_for_an_attribute() -> None:
    headers = {
        "content-type": "application/json",
        "authorization": "Bearer a.caller.token",
        "x-goog-pubsub-message-id": "17",
        "x-goog-pubsub-publish-time": TIME,
        "x-goog-pubsub-subscription-name": SUBSCRIPTION,
        "status": "SUCCESS",
    }
    assert open_envelope(DATA, headers) == expected(attributes={})


def test_a_binary_cloud_event_is_opened() -> None:
    headers = {**JSON, "ce-type": CLOUD_EVENT_TYPE, "ce-id": "17", "ce-time": TIME, "ce-specversion": "1.0"}
    assert open_envelope(body(), headers) == expected()
    assert open_envelope(body(messageId=..., publishTime=...), headers) == expected()


def test_a_structured_cloud_event_is_opened() -> None:
    event = {"type": CLOUD_EVENT_TYPE, "id": "17", "time": TIME, "specversion": "1.0", "data": json.loads(body())}
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    assert open_envelope(json.dumps(event).encode(), headers) == expected()


@pytest.mark.parametrize(
    ("raw", "where", "message_id"),
    [
        (b"", "body", ""),
        (b"hello", "body", ""),
        (b"\xff\xfe\x00", "body", ""),
        (b"[1]", "body", ""),
        (b"[" * 100_000, "body", ""),
        (b'{"\xed\xa0\x80": 1}', "body", ""),
        (b'{"\\ud800": 1}', "body", ""),
        (b"9" * 5_000, "body", ""),
        (b"{}", "message", ""),
        (b'{"message": "text"}', "message", ""),
        (body(messageId=...), "message.messageId", ""),
        (body(messageId=17), "message.messageId", ""),
        (body(publishTime=...), "message.publishTime", "17"),
        (body(publishTime="yesterday"), "message.publishTime", "17"),
        (body(publishTime="2026-11-20T10:02:12"), "message.publishTime", "17"),
        (body(attributes=["status"]), "message.attributes", "17"),
        (body(attributes={"status": 1}), "message.attributes", "17"),
        (body(data="not base64!"), "message.data", "17"),
        (body(data="abc"), "message.data", "17"),
        (body(data="YW!I="), "message.data", "17"),
        (body(data="żółw"), "message.data", "17"),
        (body(data={"id": "b-1"}), "message.data", "17"),
        (b" " * (MAX_BODY_BYTES + 1), "body", ""),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_no_push_is_refused_by_the_name_of_the_field(raw: bytes, where: str, message_id: str) -> None:
    with pytest.raises(Refused) as caught:
        open_envelope(raw, JSON)
    assert (caught.value.where, caught.value.message_id) == (where, message_id)
    assert caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("headers", "raw", "where"),
    [
        ({"ce-type": "google.cloud.storage.object.v1.finalized", "ce-id": "17"}, body(), "type"),
        ({"content-type": "application/cloudevents+json"}, b'{"type": "other", "id": "17"}', "type"),
        ({"content-type": "application/cloudevents+json"}, b"not json", "body"),
        (
            {"content-type": "application/cloudevents+json"},
            json.dumps({"type": CLOUD_EVENT_TYPE, "id": "17", "data": "text"}).encode(),
            "data",
        ),
        ({"x-goog-pubsub-message-id": "17"}, DATA, "x-goog-pubsub-publish-time"),
    ],
)
def test_a_wrong_event_is_refused_by_the_name_of_the_field(headers: dict[str, str], raw: bytes, where: str) -> None:
    with pytest.raises(Refused) as caught:
        open_envelope(raw, headers)
    assert caught.value.where == where
    assert caught.value.message_id == ("17" if where != "body" else "")
