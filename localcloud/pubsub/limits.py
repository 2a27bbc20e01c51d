"""What Pub/Sub refuses for its size (https://cloud.google.com/pubsub/quotas#resource_limits), in its own words."""

from __future__ import annotations

import base64
import re
from typing import Any

from localcloud.errors import GoogleError
from localcloud.pubsub.durations import seconds_of

REQUEST_BYTES = 10_000_000
MESSAGES = 1000
ATTRIBUTES = 100
KEY_BYTES, VALUE_BYTES = 256, 1024
ORDERING_KEY_BYTES = 1024
LABELS = 64

_LABEL = re.compile(r"[\w-]{0,63}")


def invalid(message: str) -> GoogleError:
    """INVALID_ARGUMENT."""
    return GoogleError("INVALID_ARGUMENT", message)


def check_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its bounds."""
    if value > high:
        raise _beyond(name, value, "large", "maximum", high)
    if value < low:
        raise _beyond(name, value, "small", "minimum", low)


def _beyond(name: str, value: float, size: str, end: str, bound: float) -> GoogleError:
    return invalid(
        f"The value for {name} is too {size}. You passed {value:.0f} in the request, "
        f"but the {end} value is {bound:.0f}."
    )


def check_publish(messages: list[dict[str, Any]]) -> None:
    """Refuse a publish request that is too large in any way, or has a message with nothing in it."""
    check_between("message_count", len(messages), 1, MESSAGES)
    for message in messages:
        _check_message(message)
    check_between("request_size", sum(_size(each) for each in messages), 0, REQUEST_BYTES)


def _check_message(message: dict[str, Any]) -> None:
    attributes = message.get("attributes", {})
    if not message.get("data") and not attributes:
        raise invalid(
            "One or more messages in the publish request is empty. "
            "Each message must contain either non-empty data, or at least one attribute."
        )
    check_between("attribute_count", len(attributes), 0, ATTRIBUTES)
    for key, value in attributes.items():
        check_between("attribute_key_size", len(key.encode()), 1, KEY_BYTES)
        check_between("attribute_value_size", len(value.encode()), 0, VALUE_BYTES)
        if key.startswith("goog"):
            raise invalid(f"The attribute key '{key}' is reserved; keys may not begin with 'goog'.")
    check_between("ordering_key_size", len(message.get("orderingKey", "").encode()), 0, ORDERING_KEY_BYTES)


def _size(message: dict[str, Any]) -> int:
    attributes = sum(len(key.encode()) + len(value.encode()) for key, value in message.get("attributes", {}).items())
    return len(base64.b64decode(message.get("data", ""))) + attributes + len(message.get("orderingKey", "").encode())


def check_labels(labels: dict[str, str]) -> None:
    """Refuse labels that are no labels (https://cloud.google.com/pubsub/docs/create-topic-label)."""
    check_between("label_count", len(labels), 0, LABELS)
    for key, value in labels.items():
        if not key or not (key[0].isalpha() and key == key.lower() and _LABEL.fullmatch(key)):
            raise invalid(f"Invalid label key given (key={key}).")
        if value != value.lower() or not _LABEL.fullmatch(value):
            raise invalid(f"Invalid label value given (value={value}).")


def check_retention(duration: str | None, *, high_days: int) -> None:
    """Refuse a retention outside ten minutes to so many days."""
    seconds = seconds_of(duration, 600)
    if not 600 <= seconds <= high_days * 86400:
        raise invalid(
            f"Invalid message_retention_duration given (seconds={seconds:.0f}). "
            f"The value must be between 600 and {high_days * 86400} seconds."
        )
