"""Parts of the stand-in served on free ports, for the real client libraries."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from localcloud.dispatch import Api
from localcloud.server import Listeners
from localcloud.simulation import Simulation
from localcloud.world import World

T = TypeVar("T")


class Served:
    """A world and its ports on an event loop of its own, so that blocking clients can talk to it.

    `endpoints` by Google's host name (`http://127.0.0.1:PORT`); `run` awaits something on that loop,
    `call` calls something there.
    """

    def __init__(self, folder: Path, *, speed: float = 1.0, manual: bool = False) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.world = self.run(self._make_world(speed, manual))
        self.listeners = self.run(self._make_listeners(folder))
        self._life: asyncio.Task[None] | None = None

    @property
    def endpoints(self) -> dict[str, str]:
        return self.listeners.endpoints

    def serve(self, *apis: Api) -> None:
        """Open the ports of these APIs and, in real time, let the world live."""
        self.run(self._serve(apis))

    def run(self, work: Coroutine[Any, Any, T], *, timeout: float = 30) -> T:
        """Await on the world's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call on the world's loop."""

        async def there() -> T:
            return function(*args, **kwargs)

        return self.run(there())

    def close(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _make_world(self, speed: float, manual: bool) -> World:
        return World(project="demo-project", simulation=Simulation(speed=speed, manual=manual))

    async def _make_listeners(self, folder: Path) -> Listeners:
        return Listeners(folder=folder)

    async def _serve(self, apis: tuple[Api, ...]) -> None:
        for api in apis:
            self.listeners.serve_api(api)
        await self.listeners.open(port=0)
        if not self.world.simulation.manual:
            self._life = asyncio.create_task(self.world.simulation.run())

    async def _close(self) -> None:
        await self.listeners.close()
        if self._life is not None:
            self._life.cancel()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes a `Served`; stops what it made."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Served:
            made = Served(tmp_path, **options)
            stack.callback(made.close)
            return made

        yield make
