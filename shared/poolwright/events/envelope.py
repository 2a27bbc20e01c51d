"""The wrapping around a Pub/Sub message, in every form a push can have.

- wrapped: `{"message": {...}, "subscription": ..., "deliveryAttempt": ...}`
  (https://cloud.google.com/pubsub/docs/push#receive_push)
- unwrapped with metadata: the body is the data, the rest are `x-goog-pubsub-*` headers
  (https://cloud.google.com/pubsub/docs/payload-unwrapping)
- CloudEvent `google.cloud.pubsub.topic.v1.messagePublished`, binary or structured, whose data is the wrapped form
  (https://googleapis.github.io/google-cloudevents/examples/binary/pubsub/)
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from poolwright.events.reading import json_object
from poolwright.verdicts import Refused

# A message's data is 10 MB at most, its attributes 100 of 1,280 bytes; base64 makes the data a third longer.
# https://cloud.google.com/pubsub/quotas#resource_limits
MAX_DATA_BYTES = 10 * 1024 * 1024
MAX_BODY_BYTES = MAX_DATA_BYTES * 4 // 3 + 256 * 1024

CLOUD_EVENT_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One delivery of one Pub/Sub message.

    `attributes` is empty for an unwrapped push: there they are headers that nothing tells from the transport's own
    (the caller's token among them), and servers drop names with an underscore.
    `delivery_attempt` is counted by Pub/Sub only where the subscription has a dead-letter topic.
    """

    id: str
    publish_time: datetime
    attributes: Mapping[str, str]
    data: bytes
    subscription: str
    delivery_attempt: int | None = None


def open_envelope(body: bytes, headers: Mapping[str, str]) -> Message:
    """The message in an HTTP request. `headers` by lower-case name.

    Raises `Refused`, with `message_id` set as soon as it was readable.
    """
    if len(body) > MAX_BODY_BYTES:
        raise Refused(
            "body",
            f"has {len(body)} bytes, a Pub/Sub push has {MAX_BODY_BYTES} at most",
            "Find out who calls this function besides Pub/Sub, and take the invoker role away from it",
        )
    if headers.get("content-type", "").lower().startswith("application/cloudevents+json"):
        event = json_object(body, where="body", remedy=_PUBLISHER_REMEDY)
        return _cloud_event(event.get("data"), {f"ce-{name}": value for name, value in event.items()})
    if headers.get("ce-type") == CLOUD_EVENT_TYPE:
        return _cloud_event(json_object(body, where="body", remedy=_PUBLISHER_REMEDY), headers)
    if "x-goog-pubsub-message-id" in headers:
        return _unwrapped(body, headers)
    if "ce-type" in headers:
        return _cloud_event(None, headers)
    return _wrapped(json_object(body, where="body", remedy=_PUSH_REMEDY))


_PUSH_REMEDY = "Deliver by a Pub/Sub push subscription: wrapped, unwrapped with metadata written, or as a CloudEvent"
_PUBLISHER_REMEDY = "Send the CloudEvent as Eventarc does: its data is the push body of the message"


def _cloud_event(data: Any, context: Mapping[str, Any]) -> Message:
    if context.get("ce-type") != CLOUD_EVENT_TYPE:
        raise Refused("type", f"is not {CLOUD_EVENT_TYPE}", _PUBLISHER_REMEDY, message_id=_text(context.get("ce-id")))
    if not isinstance(data, dict):
        raise Refused("data", "is not a JSON object", _PUBLISHER_REMEDY, message_id=_text(context.get("ce-id")))
    return _wrapped(data, message_id=context.get("ce-id"), publish_time=context.get("ce-time"))


def _unwrapped(body: bytes, headers: Mapping[str, str]) -> Message:
    message_id = headers["x-goog-pubsub-message-id"]
    return Message(
        id=message_id,
        publish_time=_time(headers.get("x-goog-pubsub-publish-time"), "x-goog-pubsub-publish-time", message_id),
        attributes={},
        data=body,
        subscription=headers.get("x-goog-pubsub-subscription-name", ""),
    )


def _wrapped(envelope: Mapping[str, Any], *, message_id: Any = None, publish_time: Any = None) -> Message:
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise Refused("message", "is missing or no object", _PUSH_REMEDY, message_id=_text(message_id))
    message_id = message.get("messageId") or message.get("message_id") or message_id
    if not isinstance(message_id, str) or not message_id:
        raise Refused("message.messageId", "is missing or no text", _PUSH_REMEDY)
    published = message.get("publishTime") or message.get("publish_time") or publish_time
    attempt = envelope.get("deliveryAttempt")
    return Message(
        id=message_id,
        publish_time=_time(published, "message.publishTime", message_id),
        attributes=_attributes(message.get("attributes"), message_id),
        data=_data(message.get("data"), message_id),
        subscription=_text(envelope.get("subscription")),
        delivery_attempt=attempt if isinstance(attempt, int) else None,
    )


def _time(value: object, where: str, message_id: str) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise Refused(where, "is no RFC 3339 time with a zone", _PUSH_REMEDY, message_id=message_id)
    return time


def _attributes(value: object, message_id: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Refused("message.attributes", "is no map of text to text", _PUSH_REMEDY, message_id=message_id)
    return value


def _data(value: object, message_id: str) -> bytes:
    if value is None:  # a message may have attributes alone
        return b""
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise Refused("message.data", "is not base64", _PUSH_REMEDY, message_id=message_id)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
