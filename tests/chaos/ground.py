"""What flows run on: one stand-in and one deployment of the functions a world file, put back to its beginning before
each run, because starting them takes longer than a run.
"""

from __future__ import annotations

import asyncio
import copy
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from localcloud.deployment import SUBSCRIPTIONS
from localcloud.dispatch import Api
from localcloud.stack import Stack
from poolwright import bootstrap
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.boot_images import kube_env
from poolwright.settings import Settings
from tests.chaos import pushing
from tests.chaos.harness import EventLoop, Flow, Json, SimulatedClock, Twist
from tests.chaos.outside import Around, Passage, boundary
from tests.chaos.processes import Ended, Kill, Zygote

_read_as_yaml = cache(kube_env._read_as_yaml)  # a pure function that took most of a run's time


class Ground:
    """A world, and poolwright deployed on it."""

    def __init__(self, *, folder: Path, world: Path, environments: Path) -> None:
        self._folder = folder
        self._runs = 0
        self._flow: Flow | None = None
        self._zygote: Zygote | None = None
        self._passage = Passage()
        self._ending = ExitStack()
        self._ending.enter_context(boundary(self._passage))
        self.loop = EventLoop()
        self.stack = self.loop.call(
            lambda: Stack(
                folder=folder, state=world, manual=True, pubsub="embedded", firestore="embedded", deliver=self._take
            )
        )
        manifest = self.loop.run(self.stack.start())
        self.loop.call(self._subscribe)
        self._env = {**manifest.env, "POOLWRIGHT_ENVIRONMENTS": str(environments), "POOLWRIGHT_LOG_LEVEL": "WARNING"}
        self._env |= {"POOLWRIGHT_BUILD_CONFIGS": str(pushing.ROOT / "cloudbuild")}
        del self._env["GOOGLE_APPLICATION_CREDENTIALS"]  # who we are to Google is not the question here
        with mock.patch.dict(os.environ, self._env):
            self.ports = bootstrap.ports(Settings.read())
            self._apps = pushing.load()
        self.apis: dict[str, Api] = {api.host: api for api in (self.stack.gke.api(), self.stack.cloud_build.api())}
        self._beginning = self.loop.call(self._remember)

    @contextmanager
    def flow(
        self,
        *,
        twist: Twist | None = None,
        victim: int = -1,
        kill: Kill | None = None,
        apart: bool = False,
        weather: Around | None = None,
        kind: Callable[..., Flow] = Flow,
    ) -> Iterator[Flow]:
        """A run from the beginning; see `Flow`, or another `kind` of it. Whoever sleeps lets the world's time pass."""
        random.seed(0)  # of the pauses between retries
        self.loop.call(self._go_back)
        self._runs += 1
        late = self.ports.__dict__
        late["store"] = SqliteStore(self._store)
        late["clock"] = SimulatedClock(self.stack)
        self._flow = kind(ground=self, twist=twist, victim=victim, kill=kill, apart=apart, weather=weather)
        with (
            mock.patch.object(bootstrap, "_of_process", lambda: self.ports),
            mock.patch.object(kube_env, "_read_as_yaml", _read_as_yaml),
            mock.patch.dict(os.environ, self._env),
            mock.patch("time.sleep", self._sleep),
        ):
            yield self._flow

    def call(self, function: str, body: Json, *, weather: Around | None = None) -> int:
        """Push to a function; its answer's status."""
        with self._passage.within(weather) if weather else nullcontext():
            return pushing.push(self._apps, function, body)

    def around(self, around: Around) -> AbstractContextManager[None]:
        """Within, every call that leaves this process goes through `around`."""
        return self._passage.within(around)

    def call_apart(self, function: str, body: Json, *, number: int, kill: Kill | None) -> Ended:
        """The same in a process of its own."""
        if self._zygote is None:
            self._zygote = Zygote(self._env)
        env = {**self._env, "POOLWRIGHT_STORE": f"sqlite:{self._store}"}
        return self._zygote.deliver(function, body, env=env, number=number, kill=kill)

    def collections(self) -> set[str]:
        """What this run's store has, whatever it is called."""
        with closing(sqlite3.connect(self._store)) as connection:
            return {name for (name,) in connection.execute("SELECT DISTINCT collection FROM documents")}

    @property
    def current(self) -> Flow | None:
        """The run that goes on."""
        return self._flow

    @property
    def _store(self) -> Path:
        """The file of this run's store."""
        return self._folder / f"{self._runs}.db"

    def close(self) -> None:
        """End the stand-in."""
        self._ending.close()
        if self._zygote is not None:
            self._zygote.close()
        self.loop.run(self.stack.stop())
        self.loop.run(_end_connections())
        self.loop.stop()

    def _sleep(self, seconds: float) -> None:
        self.loop.call(lambda: self.stack.world.simulation.advance(seconds))

    async def _take(self, subscription: Json, message: Json, attempt: int) -> bool:
        if self._flow is not None:
            self._flow.take(subscription["name"].rpartition("/")[2], message)
        return True

    def _subscribe(self) -> None:
        pubsub = self.stack.pubsub
        assert pubsub is not None
        for topic in sorted({each.topic for each in SUBSCRIPTIONS}):
            pubsub.create_topic(topic)
        for each in SUBSCRIPTIONS:
            extra: dict[str, Any] = {"filter": each.filter} if each.filter else {}
            push = {"pushEndpoint": f"http://harness/{each.function}"}
            pubsub.create_subscription(each.name, topic=each.topic, pushConfig=push, **extra)

    def _remember(self) -> Json:
        world, planes = self.stack.world, self.stack.gke.planes
        return copy.deepcopy(
            {"tables": world.tables, "simulation": world.simulation.saved(), "planned": planes._planned}
        )

    def _go_back(self) -> None:
        """As a restart from a saved world, on the same ports."""
        was = copy.deepcopy(self._beginning)
        world, planes = self.stack.world, self.stack.gke.planes
        world.tables.clear()
        world.tables.update(was["tables"])
        world.calls.clear()
        world.simulation.restore(was["simulation"])
        planes.apis.clear()
        planes._planned.clear()
        planes._planned.update(was["planned"])
        for cluster in self.stack.gke.state.clusters.values():
            planes.start(cluster)


async def _end_connections() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
