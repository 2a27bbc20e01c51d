"""A record of ours, as it comes on `notifications`: `Notification`.

    {"key": "9f…", "kind": "mutation", "environment": "dev", "subject": "projects/…", "what": "now on …", "why": "…"}

The attributes kind, environment, subject and key say the same, for filters. A repeat carries the same key.
"""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

from poolwright.events.envelope import Message
from poolwright.events.reading import json_object, shaped
from poolwright.verdicts import Irrelevant

_REMEDY = "Only poolwright should publish notifications: check who holds the publisher role on the topic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """`environment` is never empty: a record of none is nobody's webhook's business."""

    message_id: str
    key: str
    kind: str
    environment: str
    subject: str
    what: str
    why: str
    requester: str


class _Record(TypedDict):
    key: str
    kind: str
    environment: str
    subject: str
    what: str
    why: NotRequired[str]
    requester: NotRequired[str]


def decode(message: Message) -> Notification:
    """Raises `Irrelevant` for a record that is of no environment, `Refused` for what is no record."""
    body = json_object(message.data, where="message.data", remedy=_REMEDY)
    if not body.get("environment"):
        raise Irrelevant("the record is of no environment")
    record = shaped(body, _Record, remedy=_REMEDY)
    return Notification(
        message_id=message.id,
        key=record["key"],
        kind=record["kind"],
        environment=record["environment"],
        subject=record["subject"],
        what=record["what"],
        why=record.get("why", ""),
        requester=record.get("requester", ""),
    )
