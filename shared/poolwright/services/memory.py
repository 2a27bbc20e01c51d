"""What a provisioner has to remember between steps: what it began, and when it last changed its capacity."""

from __future__ import annotations

from typing import Any

import msgspec

from poolwright.services.ports import Conflict, Ports
from poolwright.verdicts import Busy

COLLECTION = "provisioners"


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Members that were decided on, by name."""

    group: str
    names: tuple[str, ...]
    reason: str


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is being emptied. `began` in seconds since the epoch; `deleting`: it is empty, and its deletion is
    asked for, or was by somebody who died before he could record it."""

    node: str
    group: str
    began: float
    reason: str
    deleting: bool = False


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """One document. `sequence` counts decisions, so that what derives from one is never that of another."""

    version: int | None = None
    schema: int = 1
    sequence: int = 0
    changed_at: float = 0
    growth: Growth | None = None
    drain: Drain | None = None


def load(ports: Ports, key: str) -> Memory:
    """The provisioner's memory, blank where there is none."""
    stored = ports.store.get(COLLECTION, key)
    if stored is None:
        return Memory()
    return msgspec.structs.replace(msgspec.convert(stored.body, Memory), version=stored.version)


def save(ports: Ports, key: str, memory: Memory, **changes: Any) -> Memory:
    """Write what changed; the memory as it is then. Busy where somebody else wrote it since."""
    changed = msgspec.structs.replace(memory, **changes)
    body = msgspec.to_builtins(changed)
    del body["version"]
    try:
        version = ports.store.put(COLLECTION, key, body, version=memory.version)
    except Conflict:
        raise Busy(f"{key} is looked at by somebody else") from None
    return msgspec.structs.replace(changed, version=version)
