"""What each subscription has still to deliver.

A message is queued, leased (by who pulls it), pushed (under way to its endpoint), waiting out a backoff, or
acknowledged and retained.

An entry is JSON in the table `pubsub.backlog`, by subscription and message id:
`{"message": PubsubMessage, "state": ..., "failures": N, "ackId": "...", "turn": N}`. A message not acknowledged within
its lease has failed, as one that was refused; what then happens is `redelivery.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from localcloud.world import World

Entry = dict[str, Any]

QUEUED, LEASED, PUSHED, WAITING, ACKED = "queued", "leased", "pushed", "waiting", "acked"
OUT = (LEASED, PUSHED)


class Backlog:
    """The messages of all subscriptions. Tells `pubsub.queued(subscription)` and `pubsub.failed(subscription, id)`."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.simulation.on("pubsub.lease_ends", self._lease_ends)
        world.simulation.on("pubsub.backoff_ends", self._backoff_ends)

    def entries(self, subscription: str) -> dict[str, Entry]:
        """Everything kept for a subscription, by message id, in the order of delivery."""
        queue: dict[str, Entry] = self._world.table("pubsub.backlog").get(subscription, {})
        return queue

    def add(self, subscription: str, message: dict[str, Any]) -> None:
        """One more message to deliver."""
        entry = {"message": message, "state": QUEUED, "failures": 0, "ackId": "", "turn": 0}
        queue = self._world.table("pubsub.backlog").setdefault(subscription, {})
        queue[message["messageId"]] = entry
        self._world.tell("pubsub.queued", subscription)

    def drop(self, subscription: str) -> None:
        """Forget a subscription's messages."""
        self._world.table("pubsub.backlog").pop(subscription, None)

    def take(self, subscription: str, limit: int, *, seconds: float | None, ordered: bool = False) -> list[Entry]:
        """Hand out up to `limit` messages: leased for `seconds`, or pushed (None), which has a deadline of its own.

        `ordered`: messages of one ordering key go out in their order, never past one that is still out; pushed ones
        one at a time.
        """
        taken: list[Entry] = []
        if limit <= 0:
            return taken
        for message_id, entry in self._deliverable(subscription, ordered=ordered, one_per_key=seconds is None):
            entry["ackId"] = f"{message_id}:{self._world.number('pubsub.lease')}"
            if seconds is None:
                self._turn(entry, PUSHED)
            else:
                self._lease(subscription, message_id, entry, seconds)
            taken.append(entry)
            if len(taken) == limit:
                break
        return taken

    def acknowledge(self, subscription: str, ack_ids: Iterable[str]) -> None:
        """These are done. An id whose lease ended still counts until the message is handed out again."""
        retain = self._retains(subscription)
        for entry in self._by_ack_ids(subscription, ack_ids):
            if retain:
                self._turn(entry, ACKED)
            else:
                del self.entries(subscription)[entry["message"]["messageId"]]
        self._world.tell("pubsub.queued", subscription)

    def extend(self, subscription: str, ack_ids: Iterable[str], *, seconds: float) -> None:
        """Lease these for `seconds` from now; 0 gives them back (a negative acknowledgement)."""
        for entry in self._by_ack_ids(subscription, ack_ids):
            if entry["state"] not in OUT:
                continue
            if seconds > 0:
                self._lease(subscription, entry["message"]["messageId"], entry, seconds)
            else:
                self._fail(subscription, entry)

    def queue_again(self, subscription: str, entry: Entry, *, ordered: bool) -> None:
        """Hand this message out once more: at the end of the queue, or in its place where order matters."""
        self._turn(entry, QUEUED)
        message = entry["message"]
        queue = self.entries(subscription)
        if ordered and message.get("orderingKey"):
            self._queue_what_follows(queue, message)
        else:
            queue[message["messageId"]] = queue.pop(message["messageId"])
        self._world.tell("pubsub.queued", subscription)

    def wait(self, subscription: str, entry: Entry, seconds: float) -> None:
        """Hand this message out again after a backoff of `seconds` of the world's time."""
        self._turn(entry, WAITING)
        arguments = (subscription, entry["message"]["messageId"], entry["turn"])
        self._world.simulation.after(seconds, "pubsub.backoff_ends", *arguments)

    def holds(self, subscription: str, ack_id: str) -> bool:
        """Whether this lease is still running."""
        return any(entry["state"] == LEASED for entry in self._by_ack_ids(subscription, [ack_id]))

    def _retains(self, subscription: str) -> bool:
        """Whether acknowledged messages are kept for a seek."""
        resource = self._world.table("pubsub.subscriptions").get(subscription, {})
        topic = self._world.table("pubsub.topics").get(resource.get("topic", ""), {})
        return bool(resource.get("retainAckedMessages") or topic.get("messageRetentionDuration"))

    def _deliverable(self, subscription: str, *, ordered: bool, one_per_key: bool) -> Iterator[tuple[str, Entry]]:
        held: set[str] = set()
        for message_id, entry in list(self.entries(subscription).items()):
            key = entry["message"].get("orderingKey", "") if ordered else ""
            if entry["state"] == ACKED or (key and key in held):
                continue
            if key and (entry["state"] != QUEUED or one_per_key):
                held.add(key)
            if entry["state"] == QUEUED:
                yield message_id, entry

    def _by_ack_ids(self, subscription: str, ack_ids: Iterable[str]) -> Iterator[Entry]:
        queue = self.entries(subscription)
        for ack_id in ack_ids:
            entry = queue.get(ack_id.partition(":")[0])
            if entry is not None and entry["ackId"] == ack_id and entry["state"] != ACKED:
                yield entry

    def _lease(self, subscription: str, message_id: str, entry: Entry, seconds: float) -> None:
        """A lease runs by the receiver's clock, which the world's speed does not compress."""
        self._turn(entry, LEASED)
        delay = seconds * self._world.simulation.speed
        self._world.simulation.after(delay, "pubsub.lease_ends", subscription, message_id, entry["turn"])

    def _lease_ends(self, subscription: str, message_id: str, turn: int) -> None:
        entry = self.entries(subscription).get(message_id)
        if entry is not None and entry["turn"] == turn:
            self._fail(subscription, entry)

    def _backoff_ends(self, subscription: str, message_id: str, turn: int) -> None:
        entry = self.entries(subscription).get(message_id)
        if entry is not None and entry["turn"] == turn:
            self._turn(entry, QUEUED)
            self._world.tell("pubsub.queued", subscription)

    def _fail(self, subscription: str, entry: Entry) -> None:
        entry["failures"] += 1
        self._turn(entry, WAITING)
        self._world.tell("pubsub.failed", subscription, entry["message"]["messageId"])

    def _queue_what_follows(self, queue: dict[str, Entry], message: dict[str, Any]) -> None:
        """With ordering, a message handed out again brings those of its key that went out after it."""
        ids = list(queue)
        for message_id in ids[ids.index(message["messageId"]) + 1 :]:
            entry = queue[message_id]
            if entry["state"] in OUT and entry["message"].get("orderingKey") == message["orderingKey"]:
                self._turn(entry, QUEUED)

    @staticmethod
    def _turn(entry: Entry, state: str) -> None:
        """A new state; timers of earlier ones no longer count."""
        entry["state"] = state
        entry["turn"] += 1
