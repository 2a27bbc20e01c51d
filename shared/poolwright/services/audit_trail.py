"""The records as people look through them: the latest first, filtered, a page at a time. Read-only."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from poolwright.services import records, stop
from poolwright.services.ports import Ports, Stored

PAGE = 50
READ_AT_ONCE, MOST_READS = 200, 5  # so that a rare thing is looked for among the next thousand records, no further


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records: all of whom these are true. `text` is looked for in what they say; `before`: where the page before
    ended, 0 for the first."""

    environment: str = ""
    kind: str = ""
    text: str = ""
    before: int = 0


class RecordSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A record; entries.py says what its fields mean. `at` in seconds since the epoch."""

    key: str
    at: float
    kind: str
    environment: str
    subject: str
    what: str
    why: str
    cause: str
    requester: str
    before: str
    after: str


class Trail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`older`: what `before` has to be for the next page, 0 where there is none; `looked_at`: how many records were
    read, more than there are on the page where few are wanted; `kinds`: those among them; `environments`: all."""

    as_of: float
    stopped: str
    wanted: Wanted
    records: tuple[RecordSeen, ...]
    looked_at: int
    older: int
    kinds: tuple[str, ...]
    environments: tuple[str, ...]


def read(ports: Ports, wanted: Wanted) -> Trail:
    """One page: one read of the store, five where the filter lets few through. Weather."""
    as_of, stopped = ports.clock.now(), stop.stopped(ports)
    found: list[Stored] = []
    looked_at: list[Stored] = []
    more = False
    for page in _pages(ports, wanted.before):
        for number, each in enumerate(page):
            looked_at.append(each)
            if _is_wanted(each, wanted):
                found.append(each)
            more = number + 1 < len(page) or len(page) == READ_AT_ONCE
            if len(found) == PAGE:
                break
        if len(found) == PAGE:
            break
    return Trail(
        as_of=as_of,
        stopped=stopped,
        wanted=wanted,
        records=tuple(map(_seen, found)),
        looked_at=len(looked_at),
        older=looked_at[-1].written if more else 0,
        kinds=tuple(sorted({each.body["kind"] for each in looked_at})),
        environments=tuple(each.name for each in ports.environments),
    )


def _pages(ports: Ports, before: int) -> Iterator[list[Stored]]:
    for _ in range(MOST_READS):
        page = ports.store.newest(records.COLLECTION, most=READ_AT_ONCE, before=before)
        yield page
        if len(page) < READ_AT_ONCE:
            return
        before = page[-1].written


def _is_wanted(stored: Stored, wanted: Wanted) -> bool:
    body = stored.body
    said = " ".join(str(body.get(name, "")) for name in ("subject", "what", "why", "requester", "before", "after"))
    return (
        wanted.environment in ("", body["environment"])
        and wanted.kind in ("", body["kind"])
        and wanted.text.lower() in said.lower()
    )


def _seen(stored: Stored) -> RecordSeen:
    return msgspec.convert({**stored.body, "key": stored.key}, RecordSeen)
