"""A world that outlives its process: kept in a folder, written before every answer to a write and once a second.

Nothing that a client was told is lost, however the process ends; what else happened in its last second happens again.
"""

from __future__ import annotations

import asyncio
import fcntl
from pathlib import Path

import msgspec

from localcloud.world import World

EVERY_SECONDS = 1.0


class KeptWorldError(ValueError):
    """The folder cannot be used; the text names it and says what would do."""


class _Head(msgspec.Struct, rename="camel"):
    """What must be known before the world is made anew."""

    project: str
    project_number: str


class Keeper:
    """One folder, held by one process at a time. `project` and `project_number` are those of the world in it, if any.

    Raises KeptWorldError where another process holds the folder, or what is in it is no world.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise KeptWorldError(f"{folder} is in use by another localcloud; stop it or name another folder") from None
        self._file = folder / "world.json"
        self.has_world = self._file.exists()
        head = self._head() if self.has_world else _Head(project="", project_number="")
        self.project, self.project_number = head.project, head.project_number

    def load(self, world: World) -> None:
        """Put the kept world into `world`."""
        world.load(self._file)

    def keep(self, world: World) -> None:
        """From now on every write is written down before its answer."""
        world.keep = lambda: world.save(self._file)
        world.keep()

    async def keep_on(self, world: World) -> None:
        """What happens by itself is written down too, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            world.keep()

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()

    def _head(self) -> _Head:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Head)
        except msgspec.MsgspecError as wrong:
            text = f"{self._file} is not a world that localcloud kept ({wrong}); remove it to begin anew"
            raise KeptWorldError(text) from None
