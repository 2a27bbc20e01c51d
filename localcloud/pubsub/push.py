"""Push: when a message goes to a subscription's endpoint, how many at a time, and what its answer means.

https://cloud.google.com/pubsub/docs/push: one at a time at first, one more with each success, half as many with each
failure (slow start); and, where no retry policy says when, the whole subscription pauses 100 ms to 60 s after failures
in a row (push backoff).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from localcloud.pubsub.backlog import PUSHED, Backlog, Entry
from localcloud.world import World

log = logging.getLogger(__name__)

Deliver = Callable[[dict[str, Any], dict[str, Any], int], Awaitable[bool]]

WINDOW = 1000
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 60.0


class Push:
    """Hands what is queued to `deliver(subscription, message, attempt)`, which says whether it was acknowledged.

    What paces a subscription is JSON in the table `pubsub.push`; the deliveries themselves are tasks of the running
    event loop. Without one, messages stay queued until `go_on`.
    """

    def __init__(self, world: World, backlog: Backlog, deliver: Deliver) -> None:
        self._world = world
        self._backlog = backlog
        self._deliver = deliver
        self._tasks: dict[asyncio.Task[None], tuple[str, str]] = {}
        world.listen("pubsub.queued", self._push)
        world.simulation.on("pubsub.push_pause_ends", self._pause_ends)

    def go_on(self) -> None:
        """Deliver whatever is queued; what was under way when another process ended has failed."""
        for name in list(self._world.table("pubsub.subscriptions")):
            entries = list(self._backlog.entries(name).values())
            lost = [each["ackId"] for each in entries if each["state"] == PUSHED]
            self._backlog.extend(name, [each for each in lost if (name, each) not in self._tasks.values()], seconds=0)
            self._push(name)

    async def settle(self) -> None:
        """Until no delivery is under way."""
        self.go_on()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Give up the deliveries under way; `go_on` delivers their messages again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pace(self, name: str) -> dict[str, Any]:
        pace: dict[str, Any] = self._world.table("pubsub.push").setdefault(
            name, {"window": 1, "failures": 0, "paused": False}
        )
        return pace

    def _push(self, name: str) -> None:
        subscription = self._world.table("pubsub.subscriptions").get(name)
        if subscription is None or not subscription["pushConfig"].get("pushEndpoint") or not _loop_runs():
            return
        pace = self._pace(name)
        free = 0 if pace["paused"] else pace["window"] - sum(owner == name for owner, _ in self._tasks.values())
        ordered = subscription.get("enableMessageOrdering", False)
        for entry in self._backlog.take(name, free, seconds=None, ordered=ordered):
            task = asyncio.create_task(self._attempt(dict(subscription), entry, entry["ackId"]))
            self._tasks[task] = name, entry["ackId"]
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        name, _ = self._tasks.pop(task)
        if not task.cancelled():
            self._push(name)

    async def _attempt(self, subscription: dict[str, Any], entry: Entry, ack_id: str) -> None:
        name = subscription["name"]
        try:
            acknowledged = await self._deliver(subscription, entry["message"], entry["failures"] + 1)
        except Exception:
            log.exception("%s: delivery of %s failed", name, entry["message"]["messageId"])
            acknowledged = False
        if name not in self._world.table("pubsub.subscriptions"):
            return
        self._learn(subscription, acknowledged=acknowledged)
        if acknowledged:
            self._backlog.acknowledge(name, [ack_id])
        else:
            self._backlog.extend(name, [ack_id], seconds=0)

    def _learn(self, subscription: dict[str, Any], *, acknowledged: bool) -> None:
        pace = self._pace(subscription["name"])
        if acknowledged:
            pace["failures"] = 0
            pace["window"] = min(WINDOW, pace["window"] + 1)
            return
        pace["failures"] += 1
        pace["window"] = max(1, pace["window"] // 2)
        if "retryPolicy" not in subscription and not pace["paused"]:
            pace["paused"] = True
            pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(pace["failures"] - 1, 30))
            self._world.simulation.after(pause, "pubsub.push_pause_ends", subscription["name"])

    def _pause_ends(self, name: str) -> None:
        self._pace(name)["paused"] = False
        self._push(name)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
