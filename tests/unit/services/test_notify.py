"""Which records go to an environment's webhook, and in what words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from poolwright.environments import Notifications
from poolwright.events import notification
from poolwright.events.envelope import Message
from poolwright.events.notification import Notification
from poolwright.services import notify
from poolwright.verdicts import Irrelevant, Refused
from tests.unit.services.conftest import Outside, environment

EVENT = Notification(
    message_id="1", key="k", kind="rollout", environment="dev", subject="projects/p/g", what="done",
    why="<all> passed & baked", requester="ada",
)  # fmt: skip


def wanting(**wanted: Any) -> Outside:
    made = msgspec.structs.replace(environment("dev", "p"), notifications=Notifications(**wanted))
    return Outside(store=None, environments=(made,))  # type: ignore[arg-type]


def test_a_record_is_one_line_in_the_escapes_of_slack() -> None:
    outside = wanting(webhook_variable="SLACK")
    notify.handle(EVENT, outside.ports)
    assert outside.webhook.posted == [("SLACK", "[dev] g: done: &lt;all&gt; passed &amp; baked (asked by ada)")]


@pytest.mark.parametrize(
    "wanted", [{}, {"webhook_variable": "SLACK", "kinds": ("mutation",)}], ids=["no webhook", "another kind"]
)
def test_what_nobody_wants_to_hear_concerns_nobody(wanted: dict[str, Any]) -> None:
    outside = wanting(**wanted)
    with pytest.raises(Irrelevant):
        notify.handle(EVENT, outside.ports)
    assert outside.webhook.posted == []


def message(body: Any) -> Message:
    return Message(
        id="1", data=json.dumps(body).encode(), attributes={}, publish_time=datetime.now(UTC), subscription="s",
        delivery_attempt=None,
    )  # fmt: skip


def test_a_record_is_read_from_its_message() -> None:
    body = {**{name: getattr(EVENT, name) for name in EVENT.__slots__}, "at": 1.0, "before": "a"}
    assert notification.decode(message(body)) == EVENT


@pytest.mark.parametrize(
    ("body", "verdict"), [({}, Irrelevant), ({"environment": "dev", "kind": 1}, Refused), ([], Refused)]
)
def test_what_is_no_record_is_not_told(body: Any, verdict: type[Exception]) -> None:
    with pytest.raises(verdict):
        notification.decode(message(body))
