"""What a provisioner has to remember between steps: what it began, and when it last changed its capacity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from poolwright.references import ClusterRef
from poolwright.services.ports import Conflict, Ports, Stored
from poolwright.verdicts import Busy

COLLECTION = "provisioners"
FIRST_SECONDS = 60.0  # that a dry group is left alone
LONGEST_SECONDS = 3600.0
SCHEMA = 2  # 1: one drain at a time, and one time for growing and shrinking


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Members that were decided on, by name."""

    group: str
    names: tuple[str, ...]
    reason: str


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """A node in hand, to be emptied and deleted. `group` as the decision names it, `place` its whole reference; `began`
    in seconds since the epoch; `turn`: the decision by its `sequence`; `pods`: those with GPUs that may be moved
    (`namespace/name`), any other one with GPUs spares the node; `deleting`: its deletion is asked for, or was by
    somebody who died before he could record it; `spared`: why it is let go."""

    node: str
    group: str
    began: float
    reason: str
    place: str = ""
    turn: int = 0
    pods: tuple[str, ...] = ()
    deleting: bool = False
    spared: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Members that were asked for at `at` (seconds since the epoch) and are not all useful yet. `turn`: the decision by
    its `sequence`."""

    group: str
    names: tuple[str, ...]
    at: float
    turn: int


class Spared(msgspec.Struct, frozen=True, kw_only=True):
    """A node that was in hand and was let go at `at` (seconds since the epoch)."""

    node: str
    at: float


class Dry(msgspec.Struct, frozen=True, kw_only=True):
    """A group that had nothing to give: how often in a row, until when (seconds since the epoch) nobody asks it, and
    what it said."""

    tries: int
    until: float
    why: str = ""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """One document. `sequence` counts decisions, so that what derives from one is never that of another; `grown_at` and
    `shrunk_at`: when nodes were last added, or taken into hand or let go; `yields`: groups that somebody else asked for
    while we had them in hand, and until when he comes first (both in seconds since the epoch)."""

    version: int | None = None
    schema: int = SCHEMA
    sequence: int = 0
    grown_at: float = 0
    shrunk_at: float = 0
    growth: Growth | None = None
    coming: tuple[Asked, ...] = ()
    drains: tuple[Drain, ...] = ()
    dry: Mapping[str, Dry] = {}
    yields: Mapping[str, float] = {}
    spared: tuple[Spared, ...] = ()


def key(ref: ClusterRef, name: str) -> str:
    """Under which the memory of a cluster's provisioner is kept."""
    return f"{ref}/nodeProvisioners/{name}"


def known(ports: Ports) -> dict[str, Memory]:
    """The memory of every provisioner that has one, by key."""
    return {stored.key: _read(stored) for stored in ports.store.all(COLLECTION)}


def load(ports: Ports, key: str) -> Memory:
    """The provisioner's memory, blank where there is none."""
    stored = ports.store.get(COLLECTION, key)
    return Memory() if stored is None else _read(stored)


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


def drier(known: Dry | None, seed: str, why: str, *, now: float) -> Dry:
    """Dry once more, for twice as long. What was long ago is forgotten; `seed` makes that not all come back at once."""
    tries = known.tries if known is not None and now - known.until < LONGEST_SECONDS else 0
    part = int.from_bytes(hashlib.sha256(f"{seed}|{tries}".encode()).digest()[:2]) / 0xFFFF
    wait = min(LONGEST_SECONDS, FIRST_SECONDS * 2**tries) * (0.9 + 0.1 * part)
    return Dry(tries=tries + 1, until=now + wait, why=why[:200])


def _read(stored: Stored) -> Memory:
    body = dict(stored.body)
    if body["schema"] == 1:
        drain, changed = body.pop("drain", None), body.pop("changed_at", 0)
        body |= {"schema": SCHEMA, "drains": [drain] if drain else [], "grown_at": changed, "shrunk_at": changed}
    return msgspec.structs.replace(msgspec.convert(body, Memory), version=stored.version)
