"""The sample messages of this folder, as Pub/Sub would deliver them. Made up, in the shapes that Google documents.

`attributes` are the Pub/Sub attributes, `data` is the decoded body: an object stands for its JSON text, a string for
itself.
"""

import base64
import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poolwright.events.envelope import Message

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
SUBSCRIPTION = "projects/acme-gpu/subscriptions/sample"
PUBLISHED = datetime(2026, 11, 20, 10, 2, 12, 101000, tzinfo=UTC)
MESSAGE_ID = "7301"


def load(name: str) -> dict[str, Any]:
    """The sample as it stands in its file: attributes and data."""
    sample: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return sample


def changed(name: str, path: str, value: Any) -> dict[str, Any]:
    """The sample with the field at `path` (under data, dots between) replaced, or removed where `value` is `...`."""
    sample = copy.deepcopy(load(name))
    *parents, last = path.split(".")
    place = sample["data"]
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return sample


def message(sample: dict[str, Any] | str) -> Message:
    """A sample, or the one of that name, as the message a decoder receives."""
    sample = load(sample) if isinstance(sample, str) else sample
    return Message(
        id=MESSAGE_ID,
        publish_time=PUBLISHED,
        attributes=sample["attributes"],
        data=_bytes(sample["data"]),
        subscription=SUBSCRIPTION,
    )


def push(sample: dict[str, Any] | str) -> dict[str, Any]:
    """A sample, or the one of that name, as the body of a wrapped push."""
    sample = load(sample) if isinstance(sample, str) else sample
    return {
        "message": {
            "attributes": sample["attributes"],
            "data": base64.b64encode(_bytes(sample["data"])).decode(),
            "messageId": MESSAGE_ID,
            "message_id": MESSAGE_ID,
            "publishTime": "2026-11-20T10:02:12.101Z",
            "publish_time": "2026-11-20T10:02:12.101Z",
        },
        "subscription": SUBSCRIPTION,
    }


def _bytes(data: Any) -> bytes:
    return (data if isinstance(data, str) else json.dumps(data)).encode()
