"""Flows in manual time: the real functions and adapters, a stand-in whose clock only we move, and every message in
our hands, so that any of them can come twice, late, in the wrong order or not at all.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from unittest import mock

from functions_framework import create_app

from localcloud.deployment import DEAD_LETTERS, SUBSCRIPTIONS
from localcloud.stack import Manifest, Stack

ROOT = Path(__file__).resolve().parents[2]
MINUTE = 60.0
Json = dict[str, Any]
Result = TypeVar("Result")
Twist = Literal["none", "doubled", "tripled", "delayed", "swapped", "dropped"]
DELAY_SECONDS = 150.0


@dataclass
class Delivery:
    """A message on its way to a function."""

    subscription: str
    message: Json
    attempt: int = 1
    not_before: float = 0.0

    @property
    def function(self) -> str:
        """Who gets it."""
        return next(each.function for each in SUBSCRIPTIONS if each.name == self.subscription)


class Thread:
    """An event loop of its own, so that blocking clients can talk to the stand-in from here."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run there, wait here."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def call(self, work: Callable[[], Result]) -> Result:
        """Call there, wait here."""

        async def inside() -> Result:
            return work()

        return self.run(inside())

    def stop(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class SimulatedClock:
    """poolwright's clock, by the world's time. Ids are counted, so that two runs have the same."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._count = 0

    def now(self) -> float:
        return self._flow.now()

    def unique(self) -> str:
        self._count += 1
        return f"00000000-0000-4000-8000-{self._count:012d}"


@dataclass
class Flow:
    """One run of a flow. `twist` befalls the message that is delivered as number `victim` (from 0)."""

    stack: Stack
    manifest: Manifest
    thread: Thread
    twist: Twist = "none"
    victim: int = -1
    delivered: list[Delivery] = field(default_factory=list)
    queue: deque[Delivery] = field(default_factory=deque)
    held: list[Delivery] = field(default_factory=list)
    refused: list[Delivery] = field(default_factory=list)
    apps: dict[str, Any] = field(default_factory=dict)

    def now(self) -> float:
        """The world's time."""
        return self.thread.call(self.stack.world.simulation.now)

    def in_cloud(self, work: Callable[[Stack], Result]) -> Result:
        """Do something to the world at once, without the call log."""
        return self.thread.call(lambda: work(self.stack))

    def publish(self, topic: str, body: Json) -> None:
        """Somebody publishes."""
        self.in_cloud(lambda stack: stack.world.publish(topic, json.dumps(body).encode(), {}))

    def settle(self) -> None:
        """Deliver what is there until nothing is left."""
        for _ in range(500):
            self._collect()
            due = next((each for each in self.queue if each.not_before <= self.now()), None)
            if due is None:
                return
            self.queue.remove(due)
            self._deliver(due)
        raise AssertionError(f"messages without end; the last: {[each.message for each in self.delivered[-3:]]}")

    def pass_time(self, seconds: float, *, ticks: bool = True) -> None:
        """Let the world live, with a tick each minute."""
        end = self.now() + seconds
        while self.now() < end:
            self.thread.call(lambda: self.stack.world.simulation.advance(min(15.0, end - self.stack.world.simulation.now())))
            self.settle()
            if ticks and int(self.now()) % int(MINUTE) < 15:
                self.publish("ticks", {})
                self.settle()
        self._release(everything=True)
        self.settle()

    def until(self, done: Callable[[], bool], *, minutes: int = 60, what: str = "the end") -> None:
        """Let minutes pass until it is so."""
        for _ in range(minutes):
            if done():
                return
            self.pass_time(MINUTE)
        raise AssertionError(f"{what} did not come within {minutes} minutes")

    # Deliveries

    async def take(self, subscription: Json, message: Json, attempt: int) -> bool:
        """The stand-in's Pub/Sub hands every push to us; from here on it is ours to deliver."""
        self.queue.append(Delivery(subscription["name"].rpartition("/")[2], message, attempt))
        return True

    def _collect(self) -> None:
        pubsub = self.stack.pubsub
        if pubsub is not None:
            self.thread.run(pubsub.settle())

    def _deliver(self, delivery: Delivery) -> None:
        number = len(self.delivered)
        if delivery.attempt == 1 and delivery.not_before == 0:
            self.delivered.append(delivery)
            if number == self.victim and self.twist != "none":
                self._befall(delivery)
                return
        self._push(delivery)
        self._release(everything=False)

    def _befall(self, delivery: Delivery) -> None:
        if self.twist in ("doubled", "tripled"):
            for _ in range(2 if self.twist == "doubled" else 3):
                self._push(delivery)
        elif self.twist == "delayed":
            self.queue.append(Delivery(delivery.subscription, delivery.message, not_before=self.now() + DELAY_SECONDS))
        elif self.twist == "swapped":
            self.held.append(delivery)

    def _release(self, *, everything: bool) -> None:
        """A held message comes right after the next one, or at the end."""
        if self.held and (everything or self.delivered):
            waiting, self.held = self.held, []
            for delivery in waiting:
                self._push(delivery)

    def _push(self, delivery: Delivery) -> None:
        body = {
            "message": {
                "data": delivery.message.get("data", ""),
                "attributes": delivery.message.get("attributes", {}),
                "messageId": delivery.message["messageId"],
                "publishTime": delivery.message["publishTime"],
            },
            "subscription": f"projects/{self.manifest.project}/subscriptions/{delivery.subscription}",
            "deliveryAttempt": delivery.attempt,
        }
        answer = self.apps[delivery.function].post("/", json=body)
        if answer.status_code >= 300:
            again = Delivery(delivery.subscription, delivery.message, delivery.attempt + 1, self.now() + 10.0 * delivery.attempt)
            (self.queue if delivery.attempt < 20 else self.refused).append(again)

    def close(self) -> None:
        """End the stand-in."""
        self.thread.run(self.stack.stop())


@contextmanager
def flow(
    folder: Path, world: Path, environments: Path, *, thread: Thread, twist: Twist = "none", victim: int = -1
) -> Iterator[Flow]:
    """A fresh world with poolwright deployed on it, in manual time."""
    holder: dict[str, Flow] = {}

    async def deliver(subscription: Json, message: Json, attempt: int) -> bool:
        return await holder["flow"].take(subscription, message, attempt)

    def make() -> Stack:
        return Stack(folder=folder, state=world, manual=True, pubsub="embedded", firestore="embedded", deliver=deliver)

    stack = thread.call(make)
    manifest = thread.run(stack.start())
    run = Flow(stack=stack, manifest=manifest, thread=thread, twist=twist, victim=victim)
    holder["flow"] = run
    env = {**manifest.env, "POOLWRIGHT_ENVIRONMENTS": str(environments)}
    with mock.patch.dict(os.environ, env):
        from poolwright import bootstrap

        bootstrap._of_process.cache_clear()
        bootstrap.ports().__dict__["clock"] = SimulatedClock(run)
        run.in_cloud(_subscribe)
        run.apps = {name: create_app(name, str(ROOT / "functions" / "main.py")).test_client() for name in _functions()}
        try:
            yield run
        finally:
            run.close()
            bootstrap._of_process.cache_clear()


def _functions() -> list[str]:
    return sorted({each.function for each in SUBSCRIPTIONS})


def _subscribe(stack: Stack) -> None:
    pubsub = stack.pubsub
    assert pubsub is not None
    for topic in sorted({each.topic for each in SUBSCRIPTIONS} | {DEAD_LETTERS}):
        pubsub.create_topic(topic)
    pubsub.create_subscription(DEAD_LETTERS, topic=DEAD_LETTERS)
    for each in SUBSCRIPTIONS:
        extra = {"filter": each.filter} if each.filter else {}
        pubsub.create_subscription(
            each.name, topic=each.topic, pushConfig={"pushEndpoint": f"http://harness/{each.function}"}, **extra
        )


def decoded(message: Json) -> Any:
    """A message's body."""
    return json.loads(base64.b64decode(message.get("data", "")) or b"null")
