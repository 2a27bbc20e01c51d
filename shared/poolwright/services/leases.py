"""One hand on a thing: leases in the store, with an end, so that a holder who died blocks nobody for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from poolwright.references import GroupRef
from poolwright.services.ports import Conflict, Ports, Stored
from poolwright.verdicts import Busy

COLLECTION = "leases"
SECONDS = 90.0  # longer than any invocation lives
LONG_SECONDS = 600.0  # for what spans several steps; renewed at each


def of_group(group: GroupRef) -> str:
    """The key of an instance group's lease: one for rollouts, drains and whatever else changes it."""
    return f"group/{group}"


class Held(Exception):
    """Somebody else has it; the text says who, and for how long at most."""


def take(ports: Ports, key: str, *, holder: str, seconds: float) -> None:
    """Take or renew the lease. Held."""
    now = ports.clock.now()
    stored = ports.store.get(COLLECTION, key)
    if stored is not None and stored.body["holder"] != holder and stored.body["until"] > now:
        _note_that_somebody_asked(ports, stored)
        left = stored.body["until"] - now
        raise Held(f"{key} is in the hands of {stored.body['holder']} for {left:.0f} s more at most")
    renewed = stored is not None and stored.body["holder"] == holder
    body = {"holder": holder, "until": now + seconds, "asked": bool(renewed and stored and stored.body["asked"])}
    try:
        ports.store.put(COLLECTION, key, body, version=stored.version if stored else None)
    except Conflict:
        raise Held(f"{key} was taken by somebody else at this moment") from None


def give_back(ports: Ports, key: str, *, holder: str) -> bool:
    """End the lease; whether somebody asked for it meanwhile."""
    stored = ports.store.get(COLLECTION, key)
    if stored is None or stored.body["holder"] != holder:
        return False
    try:
        ports.store.delete(COLLECTION, key, version=stored.version)
    except Conflict:  # somebody asked just now
        return give_back(ports, key, holder=holder)
    return bool(stored.body["asked"])


def _note_that_somebody_asked(ports: Ports, stored: Stored) -> None:
    """So that a burst of messages is one more look of the holder, and none is lost."""
    if stored.body["asked"]:
        return
    try:
        ports.store.put(COLLECTION, stored.key, stored.body | {"asked": True}, version=stored.version)
    except Conflict:
        return


@contextmanager
def alone(ports: Ports, key: str) -> Iterator[None]:
    """Be the only one who works on `key`, for what a person may repeat at once. Busy where somebody else is."""
    try:
        with Holding(ports, key):
            yield
    except Held as reason:
        raise Busy(str(reason)) from None


class Holding:
    """`with Holding(ports, key) as holding:` be the only one who works on `key`. Held on entry.

    `holder`: who has the lease for longer already, if anybody has; it stays theirs afterwards. After the block
    `asked` says whether somebody came by meanwhile.
    """

    def __init__(self, ports: Ports, key: str, *, holder: str = "") -> None:
        self._ports = ports
        self._key = key
        self._holder = holder or ports.clock.unique()
        self._was_theirs = False
        self.asked = False

    def __enter__(self) -> Holding:
        stored = self._ports.store.get(COLLECTION, self._key)
        self._was_theirs = stored is not None and stored.body["holder"] == self._holder
        take(self._ports, self._key, holder=self._holder, seconds=LONG_SECONDS if self._was_theirs else SECONDS)
        return self

    def keep(self, keeps: bool) -> None:
        """Whether the lease stays with the holder after the block, for what spans several steps."""
        self._was_theirs = keeps
        if keeps:
            take(self._ports, self._key, holder=self._holder, seconds=LONG_SECONDS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._was_theirs:
            self.asked = give_back(self._ports, self._key, holder=self._holder)
