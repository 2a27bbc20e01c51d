"""Time in the stand-in: what happens later is plain data in a queue, so a saved world goes on where it stopped."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Handler = Callable[..., None]


class Simulation:
    """A clock and the events that are due.

    Real time (the default): `now()` is the machine's clock and a delay of S seconds passes in S / speed.
    Manual time (tests): `now()` moves only by `advance`, in no time at all.
    """

    def __init__(self, *, speed: float = 1.0, manual: bool = False, seed: int = 0, start: float | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}; give a number above 0, such as 60 for a minute in a second")
        self.speed = 1.0 if manual else speed
        self.manual = manual
        self.random = random.Random(seed)
        self._now = (1_700_000_000.0 if start is None else start) if manual else 0.0
        self._queue: list[tuple[float, int, str, list[Any]]] = []
        self._sequence = 0
        self._handlers: dict[str, Handler] = {}
        self._wake = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now if self.manual else time.time()

    def timestamp(self, at: float | None = None) -> str:
        """RFC 3339 in UTC with milliseconds, as Google's APIs print it."""
        moment = datetime.fromtimestamp(self.now() if at is None else at, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def on(self, event: str, handler: Handler) -> None:
        """Name who carries out `event`; one handler an event."""
        if event in self._handlers:
            raise ValueError(f"two handlers for the event {event!r}")
        self._handlers[event] = handler

    def after(self, seconds: float, event: str, *args: Any) -> None:
        """Carry out `event` with JSON-able `args` when `seconds` of the world's time have passed."""
        if event not in self._handlers:
            raise ValueError(f"nobody handles the event {event!r}; register it with `on` first")
        self._sequence += 1
        heapq.heappush(self._queue, (self.now() + seconds / self.speed, self._sequence, event, list(args)))
        self._wake.set()

    def advance(self, seconds: float) -> None:
        """Manual time only: let `seconds` pass, carrying out what falls due in its order."""
        if not self.manual:
            raise RuntimeError("time runs by itself here; advance() is for a Simulation(manual=True)")
        end = self._now + seconds
        while self._queue and self._queue[0][0] <= end:
            self._now = max(self._now, self._queue[0][0])
            self._carry_out_next()
        self._now = end

    def run_due(self) -> None:
        """Carry out what is due now."""
        while self._queue and self._queue[0][0] <= self.now():
            self._carry_out_next()

    async def run(self) -> None:
        """Real time: carry out events as they fall due, until cancelled."""
        while True:
            self.run_due()
            self._wake.clear()
            wait = max(0.0, self._queue[0][0] - self.now()) if self._queue else 3600.0
            try:
                await asyncio.wait_for(self._wake.wait(), timeout=wait)
            except TimeoutError:
                continue

    def until(self, done: Callable[[], bool], *, limit: float) -> None:
        """Manual time only: let time pass, event by event, until `done()` or `limit` seconds went by."""
        end = self._now + limit
        while not done() and self._queue and self._queue[0][0] <= end:
            self.advance(max(0.0, self._queue[0][0] - self._now))

    def planned(self, event: str) -> bool:
        """Whether `event` waits for its time."""
        return any(name == event for _, _, name, _ in self._queue)

    def saved(self) -> dict[str, Any]:
        """The queue as JSON, delays in the world's seconds from now, and the dice as they lie."""
        now = self.now()
        version, dice, gauss = self.random.getstate()
        return {
            "now": self._now,
            "dice": [version, list(dice), gauss],
            "queue": [[(due - now) * self.speed, event, args] for due, _, event, args in sorted(self._queue)],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `saved` gave: nothing else is planned any more, and no id is made twice."""
        if self.manual:
            self._now = saved["now"]
        version, dice, gauss = saved["dice"]
        self.random.setstate((version, tuple(dice), gauss))
        self._queue.clear()
        for delay, event, args in saved["queue"]:
            self.after(delay, event, *args)

    def _carry_out_next(self) -> None:
        _, _, event, args = heapq.heappop(self._queue)
        self._handlers[event](*args)
