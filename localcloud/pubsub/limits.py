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
CLIENTS_OWN = "googclient_"  # of what is reserved, this is Google's clients', which say a message's trace so
KEY_BYTES, VALUE_BYTES = 256, 1024
ORDERING_KEY_BYTES = 1024
LABELS = 64

# Letters that are not capitals, digits, _ and -.
_LABEL = re.compile(r"(?:(?![A-Z])[\w-]){0,63}")


def invalid(message: str) -> GoogleError:
    """INVALID_ARGUMENT."""
    return GoogleError("INVALID_ARGUMENT", message)


def refuse_unoffered(resource: dict[str, Any], fields: tuple[str, ...]) -> None:
    """Refuse what the stand-in would otherwise quietly not do."""
    for field in fields:
        if resource.get(field):
            raise GoogleError("UNIMPLEMENTED", f"The local stand-in does not offer {field}.")


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
        if key.startswith("goog") and not key.startswith(CLIENTS_OWN):
            raise invalid(f"The attribute key '{key}' is reserved; keys may not begin with 'goog'.")
    check_between("ordering_key_size", len(message.get("orderingKey", "").encode()), 0, ORDERING_KEY_BYTES)


def _size(message: dict[str, Any]) -> int:
    attributes = sum(len(key.encode()) + len(value.encode()) for key, value in message.get("attributes", {}).items())
    return len(base64.b64decode(message.get("data", ""))) + attributes + len(message.get("orderingKey", "").encode())


def check_labels(labels: dict[str, str]) -> None:
    """Refuse labels that are no labels (https://cloud.google.com/pubsub/docs/create-topic-label)."""
    if len(labels) > LABELS:
        raise _bad_labels(f'Invalid field "labels"; {len(labels)} labels exceed the maximum of {LABELS}')
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or not key[:1].isalpha():
            pattern = r"[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}"
            raise _bad_labels(f'Invalid field "labels"; key "{key}" does not conform to regular expression "{pattern}"')
        if not _LABEL.fullmatch(value):
            pattern = r"[\p{Ll}\p{Lo}\p{N}_-]{0,63}"
            where = f'Invalid field "labels.{key}"'
            raise _bad_labels(f'{where}; value "{value}" does not conform to regular expression "{pattern}"')


def _bad_labels(what: str) -> GoogleError:
    return invalid(f"You have passed an invalid argument to the service (argument=Invalid labels: {what}).")


def check_retention(duration: str | None) -> None:
    """Refuse a retention outside ten minutes to 31 days."""
    seconds = seconds_of(duration, 600)
    if not 600 <= seconds <= 31 * 86400:
        raise invalid(
            "The value for message retention duration is out of bounds. "
            f"You passed {seconds:g}s in the request, but the value must be between 10m and 744h."
        )


def check_backoff(name: str, seconds: float, low: float) -> None:
    """Refuse a backoff above ten minutes or below `low`."""
    if not 0 <= seconds <= 600:
        raise invalid(
            f"The value for {name} is out of bounds. "
            f"You passed {seconds:g}s in the request, but the value must be between 0s and 600s."
        )
    if seconds < low:
        raise invalid(
            f"The value for {name} is too small. "
            f"You passed {seconds:g}s in the request, but the minimum value is {low:g}s."
        )
