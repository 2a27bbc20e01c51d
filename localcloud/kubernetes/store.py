"""The objects of one cluster, their versions and the log that watches read.

State is the `tables` given in: plain JSON, one table a kind (`pods`, `deployments.apps`, ...), and the table
`counters`. The log of events is memory alone: a reloaded cluster answers older watches with 410, as a compacted one
does.
A stored object is never changed in place; a write replaces it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

LOG_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One event of the log: `type` is ADDED, MODIFIED or DELETED; `previous` is None for ADDED."""

    version: int
    type: str
    key: str
    object: Json
    previous: Json | None


Subscriber = Callable[[Change], None]


def address(obj: Json) -> str:
    """Where an object stands in its table: `namespace/name`, or `name` alone."""
    meta = obj["metadata"]
    namespace = meta.get("namespace")
    return f"{namespace}/{meta['name']}" if namespace else str(meta["name"])


class Store:
    """Tables of objects; every write takes the next resourceVersion and tells the subscribers."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        self._tables = tables
        self._counters = tables.setdefault("counters", {"resourceVersion": 1})
        self._log: deque[Change] = deque(maxlen=LOG_LENGTH)
        self._forgotten = self.version
        self._subscribers: list[Subscriber] = []

    @property
    def version(self) -> int:
        """The resourceVersion of the last write."""
        return int(self._counters["resourceVersion"])

    def table(self, key: str) -> dict[str, Json]:
        """The live table of a kind: read it, never write it."""
        return self._tables.setdefault(key, {})

    def get(self, key: str, where: str) -> Json | None:
        return self.table(key).get(where)

    def put(self, key: str, obj: Json) -> Json:
        """Store an object under its own address; returns it with its new resourceVersion."""
        table = self.table(key)
        where = address(obj)
        previous = table.get(where)
        version = self._next()
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
        table[where] = stored
        self._tell(Change(version, "MODIFIED" if previous else "ADDED", key, stored, previous))
        return stored

    def remove(self, key: str, obj: Json) -> Json:
        """Drop an object; returns its last form, under the resourceVersion of the removal."""
        previous = self.table(key).pop(address(obj))
        version = self._next()
        last = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
        self._tell(Change(version, "DELETED", key, last, previous))
        return last

    def knows_since(self, version: int) -> bool:
        """Whether the log still holds everything after this version."""
        return version >= self._forgotten

    def since(self, version: int, key: str) -> Iterator[Change]:
        """Logged changes of one kind after a version, oldest first."""
        return (change for change in self._log if change.version > version and change.key == key)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back after every write, in the order of writes; returns what ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def _next(self) -> int:
        self._counters["resourceVersion"] = self.version + 1
        return self.version

    def _tell(self, change: Change) -> None:
        if len(self._log) == LOG_LENGTH:
            self._forgotten = self._log[0].version
        self._log.append(change)
        for subscriber in list(self._subscribers):
            subscriber(change)
