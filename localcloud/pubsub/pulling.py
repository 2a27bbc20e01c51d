"""Pull, acknowledge and modify deadlines, one request at a time (`projects.subscriptions.pull` and the like)."""

from __future__ import annotations

import asyncio
from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.pubsub.backlog import Backlog, Entry
from localcloud.pubsub.limits import invalid
from localcloud.pubsub.subscriptions import Subscriptions
from localcloud.world import World

# How long a pull with nothing to give waits, in the machine's own time, before it answers with nothing.
PATIENCE = 10.0


class Arrivals:
    """Wakes who waits for messages of a subscription."""

    def __init__(self, world: World) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        world.listen("pubsub.queued", self.wake)

    def wake(self, subscription: str) -> None:
        """Something may be deliverable."""
        for event in self._waiting.get(subscription, ()):
            event.set()

    async def wait(self, subscription: str, *, timeout: float) -> bool:
        """Until something may be deliverable; False when `timeout` seconds went by."""
        event = asyncio.Event()
        waiting = self._waiting.setdefault(subscription, set())
        waiting.add(event)
        try:
            await asyncio.wait_for(event.wait(), timeout)
        except TimeoutError:
            return False
        finally:
            waiting.discard(event)
        return True


class Pulling:
    """Subscriber's methods that hand messages out and take answers."""

    def __init__(self, backlog: Backlog, subscriptions: Subscriptions, arrivals: Arrivals) -> None:
        self._backlog = backlog
        self._subscriptions = subscriptions
        self._arrivals = arrivals

    async def Pull(self, call: Call) -> Answer:
        subscription = self.pullable(call.params.get("subscription", ""))
        limit = call.params.get("maxMessages", 0)
        if limit <= 0:
            raise invalid("You have passed an invalid argument to the service (argument=max_messages).")
        loop = asyncio.get_running_loop()
        end = loop.time() + (0 if call.params.get("returnImmediately") else PATIENCE)
        while not (taken := self.take(subscription, limit, seconds=subscription["ackDeadlineSeconds"])):
            if not await self._arrivals.wait(subscription["name"], timeout=max(0.0, end - loop.time())):
                break
        return {"receivedMessages": [received(subscription, entry) for entry in taken]}

    def Acknowledge(self, call: Call) -> Answer:
        subscription = self._subscriptions.named(call.params.get("subscription", ""))
        self.acknowledge(subscription, checked(call.params.get("ackIds", [])))
        return {}

    def ModifyAckDeadline(self, call: Call) -> Answer:
        subscription = self._subscriptions.named(call.params.get("subscription", ""))
        seconds = call.params.get("ackDeadlineSeconds", 0)
        if not 0 <= seconds <= 600:
            raise invalid(
                f"Invalid ack deadline given (ack_deadline={seconds}). "
                "The ack deadline must be between 0 and 600 seconds."
            )
        self.extend(subscription, checked(call.params.get("ackIds", [])), seconds=seconds)
        return {}

    def pullable(self, name: str) -> dict[str, Any]:
        """A subscription one may pull from."""
        subscription = self._subscriptions.named(name)
        if subscription.get("detached"):
            raise GoogleError("FAILED_PRECONDITION", "The subscription is detached from its topic.")
        if subscription["pushConfig"].get("pushEndpoint"):
            raise GoogleError("FAILED_PRECONDITION", "This method is not supported for this subscription type.")
        return subscription

    def take(self, subscription: dict[str, Any], limit: int, *, seconds: float) -> list[Entry]:
        """Lease up to `limit` messages."""
        ordered = subscription.get("enableMessageOrdering", False)
        return self._backlog.take(subscription["name"], limit, seconds=seconds, ordered=ordered)

    def acknowledge(self, subscription: dict[str, Any], ack_ids: list[str]) -> None:
        """These messages are done; with exactly-once delivery, an id whose lease has ended fails."""
        stale = self._stale(subscription, ack_ids)
        self._backlog.acknowledge(subscription["name"], [each for each in ack_ids if each not in stale])
        _refuse(stale)

    def extend(self, subscription: dict[str, Any], ack_ids: list[str], *, seconds: int) -> None:
        """Lease these messages for `seconds` from now, or give them back (0); an ended lease as in `acknowledge`."""
        stale = self._stale(subscription, ack_ids)
        self._backlog.extend(subscription["name"], ack_ids, seconds=seconds)
        _refuse(stale)

    def _stale(self, subscription: dict[str, Any], ack_ids: list[str]) -> list[str]:
        if not subscription.get("enableExactlyOnceDelivery"):
            return []
        return [each for each in ack_ids if not self._backlog.holds(subscription["name"], each)]


def checked(ack_ids: list[str]) -> list[str]:
    """Acknowledgement ids of our shape, at least one."""
    if not ack_ids:
        raise invalid("You have not specified an ack ID in the request.")
    for ack_id in ack_ids:
        if not all(part.isdecimal() for part in ack_id.split(":")) or ack_id.count(":") != 1:
            raise invalid(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
    return ack_ids


def _refuse(stale: list[str]) -> None:
    """Acknowledgements that came too late (https://cloud.google.com/pubsub/docs/exactly-once-delivery)."""
    if stale:
        raise GoogleError(
            "FAILED_PRECONDITION",
            "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have "
            "expired or the acknowledgement ids were malformed.",
            details=[
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "EXACTLY_ONCE_ACKID_FAILURE",
                    "domain": "pubsub.googleapis.com",
                    "metadata": dict.fromkeys(stale, "PERMANENT_FAILURE_INVALID_ACK_ID"),
                }
            ],
        )


def received(subscription: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """A ReceivedMessage; the delivery attempt is told only where there is a dead-letter policy."""
    told = {"deliveryAttempt": entry["failures"] + 1} if "deadLetterPolicy" in subscription else {}
    return {"ackId": entry["ackId"], "message": entry["message"], **told}
