"""What becomes of a message that was refused or not acknowledged in time: at once, after a backoff, or a dead letter.

https://cloud.google.com/pubsub/docs/handling-failures
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localcloud.pubsub.backlog import Backlog, Entry
from localcloud.pubsub.durations import seconds_of
from localcloud.world import World

log = logging.getLogger(__name__)

MINIMUM_BACKOFF, MAXIMUM_BACKOFF = 10.0, 600.0
MAX_DELIVERY_ATTEMPTS = 5

Publish = Callable[[str, dict[str, Any]], str | None]


class Redelivery:
    """Decides for each failed message; `publish(topic, message)` gives None where there is no such topic."""

    def __init__(self, world: World, backlog: Backlog, publish: Publish) -> None:
        self._world = world
        self._backlog = backlog
        self._publish = publish
        world.listen("pubsub.failed", self._failed)

    def _failed(self, name: str, message_id: str) -> None:
        subscription = self._world.table("pubsub.subscriptions")[name]
        entry = self._backlog.entries(name)[message_id]
        if exhausted(subscription, entry) and self._bury(name, subscription, entry):
            return
        if "retryPolicy" in subscription:
            self._backlog.wait(name, entry, backoff(subscription["retryPolicy"], entry["failures"]))
        else:
            ordered = subscription.get("enableMessageOrdering", False)
            self._backlog.queue_again(name, entry, ordered=ordered)

    def _bury(self, name: str, subscription: dict[str, Any], entry: Entry) -> bool:
        topic = subscription["deadLetterPolicy"]["deadLetterTopic"]
        if self._publish(topic, dead_letter(name, entry)) is None:
            log.warning("%s: the dead-letter topic %s does not exist; the message stays", name, topic)
            return False
        self._backlog.acknowledge(name, [entry["ackId"]])
        return True


def exhausted(subscription: dict[str, Any], entry: Entry) -> bool:
    """Whether a message has used up the delivery attempts of its dead-letter policy."""
    policy = subscription.get("deadLetterPolicy", {})
    if not policy.get("deadLetterTopic"):
        return False
    return bool(entry["failures"] >= policy.get("maxDeliveryAttempts", MAX_DELIVERY_ATTEMPTS))


def backoff(policy: dict[str, Any], failures: int) -> float:
    """Seconds before the next attempt: exponential between the policy's bounds."""
    low = seconds_of(policy.get("minimumBackoff"), MINIMUM_BACKOFF)
    high = seconds_of(policy.get("maximumBackoff"), MAXIMUM_BACKOFF)
    return float(min(max(low, high), low * 2 ** min(failures - 1, 30)))


def dead_letter(name: str, entry: Entry) -> dict[str, Any]:
    """The message as it is forwarded, with the attributes that tell where it comes from."""
    _, project, _, subscription = name.split("/")
    message = entry["message"]
    published = datetime.fromisoformat(message["publishTime"]).astimezone(UTC)
    told = {
        "CloudPubSubDeadLetterSourceDeliveryCount": str(entry["failures"]),
        "CloudPubSubDeadLetterSourceSubscription": subscription,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": published.isoformat(timespec="milliseconds"),
    }
    kept = {field: message[field] for field in ("data", "orderingKey") if field in message}
    return {**kept, "attributes": message.get("attributes", {}) | told}
