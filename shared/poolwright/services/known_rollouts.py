"""Which rollouts there are, and which of them are not over: a step reads these, however many there ever were.

One document an environment in collection `unfinished`:

    {"rollouts": {"dev-42": 1763723600.0}, "ended": {"dev-41": 1763720000.0}}

`rollouts`: entered, and when, before its own document is written; struck out when a look finds it settled, unless it
was entered a moment ago, and so may go on. The newest one stays while an older one is unsettled, which learns from it
that it is superseded. `ended`: when each was struck out, until
the documents of its targets are deleted (services/retention.py). Where there is no such document, as in what the
previous release left, every rollout is read; the next tick writes it. What is missing in it is entered by retention.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from poolwright.rollouts.rollout import Rollout, decode
from poolwright.services.ports import Conflict, Json, Ports, Stored

COLLECTION = "rollouts"
UNFINISHED = "unfinished"
MOMENT_SECONDS = 120.0  # longer than any invocation lives: whoever entered it has written its document


def all_of(ports: Ports, environment: str) -> list[Rollout]:
    """Every rollout of an environment, oldest first. It reads those of all environments: not for a step."""
    found = [decode(stored.body) for stored in ports.store.all(COLLECTION)]
    return _in_order(each for each in found if each.environment == environment)


def unfinished(ports: Ports, environment: str) -> list[Rollout]:
    """Those that are not settled, and perhaps the newest one that is, oldest first."""
    return _listed(ports, environment, ports.store.get(UNFINISHED, environment))


def enter(ports: Ports, environment: str, rollout: str) -> None:
    """List one that is about to be stored, or to go on."""

    now = ports.clock.now()

    def change(body: Json) -> Json:
        ended = {name: at for name, at in body["ended"].items() if name != rollout}
        return {"rollouts": body["rollouts"] | {rollout: now}, "ended": ended}

    _change(ports, environment, change)


def tidied(ports: Ports, environment: str) -> list[Rollout]:
    """As `unfinished`, once those that are over were struck out."""
    stored = ports.store.get(UNFINISHED, environment)
    found = _listed(ports, environment, stored)
    over, now = {each.id for each in found} - _kept(found), ports.clock.now()

    def change(body: Json) -> Json:
        gone = [name for name in sorted(over) if now - body["rollouts"].get(name, now) >= MOMENT_SECONDS]
        return {
            "rollouts": {name: at for name, at in body["rollouts"].items() if name not in gone},
            "ended": body["ended"] | dict.fromkeys(gone, now),
        }

    if stored is None or over:
        _change(ports, environment, change)
    return [each for each in found if each.id not in over]


def mended(ports: Ports, environment: str) -> list[Rollout]:
    """Those that are not settled, by their own documents, once each of them is listed."""
    listed = {each.id for each in unfinished(ports, environment)}
    found = [each for each in all_of(ports, environment) if not each.settled]
    for each in found:
        if each.id not in listed:
            enter(ports, environment, each.id)
    return found


def ended(ports: Ports, environment: str, *, before: float) -> list[str]:
    """Those that were over by then (seconds since the epoch), and whose targets' documents may still be there."""
    stored = ports.store.get(UNFINISHED, environment)
    return [name for name, at in stored.body["ended"].items() if at <= before] if stored else []


def listed(ports: Ports, environment: str) -> set[str]:
    """Those that may not be settled, or whose targets' documents may still be there."""
    stored = ports.store.get(UNFINISHED, environment)
    return {*stored.body["rollouts"], *stored.body["ended"]} if stored else set()


def delete(ports: Ports, rollout: Rollout) -> None:
    """Delete the document, unless it was changed since."""
    stored = ports.store.get(COLLECTION, rollout.id)
    if stored is not None and decode(stored.body) == rollout:
        with contextlib.suppress(Conflict):
            ports.store.delete(COLLECTION, rollout.id, version=stored.version)


def forget(ports: Ports, environment: str, rollout: str) -> None:
    """The documents of its targets are gone."""

    def change(body: Json) -> Json:
        return body | {"ended": {name: at for name, at in body["ended"].items() if name != rollout}}

    _change(ports, environment, change)


def _kept(found: Sequence[Rollout]) -> set[str]:
    kept = {each.id for each in found if not each.settled}
    begun = [each for each in found if each.kind == "rollout" and each.phase != "offered"]
    if kept and begun:
        kept.add(begun[-1].id)
    return kept


def _listed(ports: Ports, environment: str, stored: Stored | None) -> list[Rollout]:
    if stored is None:
        return all_of(ports, environment)
    found = [ports.store.get(COLLECTION, name) for name in stored.body["rollouts"]]
    return _in_order(decode(each.body) for each in found if each)


def _ids(ports: Ports, environment: str) -> list[str]:
    return [each.id for each in all_of(ports, environment)]


def _in_order(rollouts: Iterable[Rollout]) -> list[Rollout]:
    return sorted(rollouts, key=lambda each: (each.created, each.id))


def _change(ports: Ports, environment: str, change: Callable[[Json], Json]) -> None:
    while True:
        stored = ports.store.get(UNFINISHED, environment)
        known = stored.body if stored else {"rollouts": dict.fromkeys(_ids(ports, environment), 0.0), "ended": {}}
        body = change(known)
        if stored is not None and body == known:
            return
        try:
            ports.store.put(UNFINISHED, environment, body, version=stored.version if stored else None)
        except Conflict:
            continue
        return
