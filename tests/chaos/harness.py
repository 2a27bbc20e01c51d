"""One run of a flow in manual time: the real functions and adapters, a stand-in whose clock only we move, and every
message in our hands, so that any of them can come twice, late, in the wrong order or not at all.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import itertools
import json
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from localcloud.deployment import SUBSCRIPTIONS
from localcloud.dispatch import Call
from localcloud.kubernetes import ClusterApi
from localcloud.stack import Stack
from poolwright.references import ClusterRef
from poolwright.services.ports import Ports
from tests.chaos.outside import Around
from tests.chaos.processes import Ended, Kill

if TYPE_CHECKING:
    from tests.chaos.ground import Ground

Json = dict[str, Any]
Result = TypeVar("Result")
Twist = Literal["doubled", "tripled", "delayed", "swapped", "dropped", "at once"]
TWISTS: tuple[Twist, ...] = tuple(each for each in get_args(Twist) if each != "at once")

STEP_SECONDS = 5.0  # how finely time passes between looks at what arrived
TICK_SECONDS = 180.0  # slower than Cloud Scheduler's minute, so that events come first and ticks only heal
LATE_SECONDS = 150.0
CALM_SECONDS = LATE_SECONDS + TICK_SECONDS  # so that even the last message can be late, and a tick comes after it
PERSON = "person"  # who runs a command, and again if it came to nothing
ATTEMPTS = 20  # as localcloud's deployment has them
WISHES = ("rollout-command", PERSON)  # nothing else knows what a person wants: these must come through
LONGER_IN_WEATHER = 10  # steps that came to nothing are taken up again by a tick
FUNCTION_OF = {each.name: each.function for each in SUBSCRIPTIONS} | {PERSON: PERSON}


class EventLoop:
    """An event loop in a thread of its own, so that blocking clients can talk to the stand-in from here."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await there, wait here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def call(self, work: Callable[[], Result]) -> Result:
        """Call there, wait here."""

        async def inside() -> Result:
            return work()

        return self.run(inside())

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class SimulatedClock:
    """poolwright's clock, by the world's time. Ids are counted, so that two runs have the same."""

    def __init__(self, stack: Stack) -> None:
        self._simulation = stack.world.simulation
        self._count = itertools.count(1)

    def now(self) -> float:
        return self._simulation.now()

    def unique(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._count):012d}"


@dataclass
class Delivery:
    """A message on its way to a function, not to be delivered before `due`."""

    subscription: str
    message: Json
    attempt: int = 1
    due: float = 0.0

    @property
    def body(self) -> Any:
        """The message's own body: JSON, or the sentence of a GKE notification."""
        text = base64.b64decode(self.message.get("data", "")).decode()
        return json.loads(text or "null") if text[:1] in ("", "{") else text

    def __str__(self) -> str:
        body = self.body
        if self.subscription == PERSON:
            return f"{PERSON}: poolwright {' '.join(body['arguments'])}"
        return f"{self.subscription}: {body.get('kind', '') if isinstance(body, dict) else ''}".rstrip(": ")


@dataclass
class Flow:
    """One run. `twist` befalls the message that is delivered as number `victim`, counted from 0 since `begin`; `kill`
    the process that takes one. `apart`: each message that counts is taken by a process of its own, which notes its
    calls in `outside`; `answered` has how many calls the stand-in answered meanwhile.
    `weather` is what all messages that count are taken in."""

    ground: Ground
    twist: Twist | None = None
    victim: int = -1
    kill: Kill | None = None
    apart: bool = False
    weather: Around | None = None
    outside: list[Ended] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    delivered: list[Delivery] = field(default_factory=list)
    queue: deque[Delivery] = field(default_factory=deque)
    answers: list[tuple[str, int]] = field(default_factory=list)
    dead_letters: int = 0
    _ended_well: set[str] = field(default_factory=set)
    _held: list[Delivery] = field(default_factory=list)
    _echo: Delivery | None = None
    _last: Delivery | None = None
    _counts: bool = False
    _next_tick: float = 0.0

    @property
    def stack(self) -> Stack:
        """The stand-in."""
        return self.ground.stack

    @property
    def ports(self) -> Ports:
        """poolwright's own view."""
        return self.ground.ports

    def now(self) -> float:
        """The world's time."""
        return self.stack.world.simulation.now()

    def begin(self) -> None:
        """From here on messages count, until all is calm; and so do calls."""
        self.stack.world.calls.clear()
        self._next_tick = self.now() + TICK_SECONDS
        self._counts = True

    # What people do

    def ask(self, host: str, method: str, **params: Any) -> Any:
        """Call a method of an API as somebody else does: what it does happens, and the call log knows nothing of it."""
        api = self.ground.apis[host]
        call = Call(method=api.methods[method], params=params, raw_body=copy.deepcopy(params))
        return self.there(lambda: api.handlers[method](call))

    def there(self, work: Callable[[], Result]) -> Result:
        """Do something in the stand-in's own thread."""
        return self.ground.loop.call(work)

    def kubernetes(self, ref: ClusterRef) -> ClusterApi:
        """A cluster as its own people see it; use within `there`."""
        return self.stack.gke.clusters[str(ref)]

    def publish(self, topic: str, body: Json) -> None:
        """Somebody publishes."""
        self.there(lambda: self.stack.world.publish(topic, json.dumps(body).encode(), {}))

    def run(self, *arguments: str) -> None:
        """Somebody runs poolwright's command line, until it ends well."""
        data = base64.b64encode(json.dumps({"arguments": arguments}).encode()).decode()
        stamp = self.stack.world.simulation.timestamp()
        message_id = f"person-{len(self.answers)}"
        self.take(PERSON, {"data": data, "messageId": message_id, "publishTime": stamp})
        self.until(lambda: message_id in self._ended_well, what=f"the end of poolwright {' '.join(arguments)}")

    # Time

    def settle(self) -> None:
        """Deliver what is there until nothing is left."""
        for _ in range(500):
            pubsub = self.stack.pubsub
            if pubsub is not None:
                self.ground.loop.run(pubsub.settle())
            due = self._due()
            if due is None:
                return
            self.queue.remove(due)
            self._deliver(due)
        raise AssertionError(f"messages without end; the last: {[each.body for each in self.delivered[-3:]]}")

    def pass_time(self, seconds: float) -> None:
        """Let the world live, with its ticks."""
        end = self.now() + seconds
        self.settle()
        while self.now() < end:
            self.ground.loop.run(self._live(end))
            self.settle()

    def pass_without_ticks(self, minutes: float) -> None:
        """Let the world live while Cloud Scheduler sends nothing."""
        self._next_tick += 60.0 * minutes
        self.pass_time(60.0 * minutes)

    async def _live(self, end: float) -> None:
        """In the stand-in's own thread: let time pass until there is something to deliver."""
        world, pubsub = self.stack.world, self.stack.pubsub
        assert pubsub is not None
        while self.now() < end and not self._due():
            world.simulation.advance(min(STEP_SECONDS, end - self.now()))
            if self.now() >= self._next_tick:
                self._next_tick += TICK_SECONDS
                world.publish("ticks", b"{}", {})
            await pubsub.settle()

    def until(self, done: Callable[[], bool], *, what: str, minutes: int = 40) -> None:
        """Let time pass until it is so."""
        end = self.now() + 60.0 * minutes * (LONGER_IN_WEATHER if self.weather else 1)
        self.settle()
        while not done():
            assert self.now() < end, f"{what} did not come within {minutes} minutes"
            self.pass_time(STEP_SECONDS)

    def calm_down(self) -> None:
        """Until even what was late has come and been dealt with."""
        self.pass_time(CALM_SECONDS)
        self._push_held()
        if self._last is not None:
            self._push(self._last)
        self.settle()
        self._counts = False
        self.pass_time(CALM_SECONDS)
        assert not self.queue, f"still under way: {[str(each) for each in self.queue]}"

    # Deliveries

    def _due(self) -> Delivery | None:
        return next((each for each in self.queue if each.due <= self.now()), None)

    def take(self, subscription: str, message: Json) -> None:
        """Pub/Sub hands us a push; from here on it is ours to deliver."""
        self.queue.append(Delivery(subscription, message))

    def _deliver(self, delivery: Delivery) -> None:
        is_new = delivery.attempt == 1 and not delivery.due and self._counts
        if is_new:
            self.delivered.append(delivery)
        if is_new and self.twist and len(self.delivered) - 1 == self.victim:
            self._befall(delivery, self.twist)
            return
        if is_new and (self.apart or (self.kill and len(self.delivered) - 1 == self.kill.message)):
            self._push_apart(delivery)
        else:
            self._push(delivery)
        self._push_held()
        if self._echo is not None and self._echo.subscription == delivery.subscription:
            echo, self._echo = self._echo, None
            self._push(echo)

    def _befall(self, delivery: Delivery, twist: Twist) -> None:
        if twist == "doubled":
            self._push(delivery)
            self._push(delivery)
        elif twist == "tripled":  # now, after the next one that goes the same way, and when all is over
            self._push(delivery)
            self._echo = self._last = delivery
        elif twist == "delayed":
            self._later(delivery, LATE_SECONDS)
        elif twist == "swapped":
            self._held.append(delivery)
        elif twist == "at once":
            with ThreadPoolExecutor(2) as both:
                list(both.map(self._push, [delivery, delivery]))
        elif delivery.subscription in WISHES:
            # Here "dropped" is what Pub/Sub makes of a loss: nobody acknowledged it, and it is delivered again.
            self._later(delivery, 30.0)

    def _later(self, delivery: Delivery, seconds: float) -> None:
        self.queue.append(Delivery(delivery.subscription, delivery.message, due=self.now() + seconds))

    def _push_held(self) -> None:
        """What was swapped comes right after the message that came next."""
        waiting, self._held = self._held, []
        for each in waiting:
            self._push(each)

    def _push(self, delivery: Delivery) -> None:
        function, body = FUNCTION_OF[delivery.subscription], self._envelope(delivery)
        weather = self.weather if self._counts else None
        self._answered(delivery, self.ground.call(function, body, weather=weather))

    def _push_apart(self, delivery: Delivery) -> None:
        """In a process of its own, which may be killed: then nobody answers."""
        function, body = FUNCTION_OF[delivery.subscription], self._envelope(delivery)
        before = len(self.stack.world.calls)
        ended = self.ground.call_apart(function, body, number=len(self.delivered), kill=self.kill)
        self.outside.append(ended)
        self.answered.append(len(self.stack.world.calls) - before)
        self._answered(delivery, ended.status)

    def _envelope(self, delivery: Delivery) -> Json:
        return {
            "message": {
                "data": delivery.message.get("data", ""),
                "attributes": delivery.message.get("attributes", {}),
                "messageId": delivery.message["messageId"],
                "publishTime": delivery.message["publishTime"],
            },
            "subscription": f"projects/{self.stack.world.project}/subscriptions/{delivery.subscription}",
            "deliveryAttempt": delivery.attempt,
        }

    def _answered(self, delivery: Delivery, status: int | None) -> None:
        """Acknowledged, or Pub/Sub brings it again, later each time: Busy, or nobody answered."""
        self.answers.append((str(delivery), status or 0))
        assert status in (204, 503, None), f"{delivery} was answered {status}: {delivery.body}"
        if status == 204 and delivery.subscription == PERSON:
            self._ended_well.add(delivery.message["messageId"])
        if status != 204 and delivery.attempt == ATTEMPTS and self.weather and delivery.subscription not in WISHES:
            self.dead_letters += 1
        elif status != 204:
            assert delivery.attempt < ATTEMPTS, f"{delivery} ends in the dead letters: {delivery.body}"
            due = self.now() + 10.0 * delivery.attempt
            self.queue.append(Delivery(delivery.subscription, delivery.message, delivery.attempt + 1, due))
