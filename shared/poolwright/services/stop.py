"""The global stop: one document of ours, so that no cluster and no API is needed to stop, and honoured at each step."""

from __future__ import annotations

from datetime import UTC, datetime

from poolwright.services.ports import Conflict, Json, Ports, Stored
from poolwright.services.records import record
from poolwright.verdicts import Busy

COLLECTION = "control"
_KEY = "stop"


def stopped(ports: Ports) -> str:
    """Empty while poolwright may work, else a sentence that says since when, by whom and why it may not."""
    stored = ports.store.get(COLLECTION, _KEY)
    return _sentence(stored.body) if stored and stored.body["stopped"] else ""


def set_stop(ports: Ports, *, who: str, why: str) -> str:
    """Stop everything at its next step; the sentence that `stopped` gives from now on. A stop that is there stays as it
    is. Busy."""
    stored = ports.store.get(COLLECTION, _KEY)
    body = stored.body if stored else {}
    if not body.get("stopped"):
        body = {"stopped": True, "who": who, "why": why, "at": ports.clock.now()}
        _put(ports, body, stored)
    record(
        ports, kind="stop", subject="poolwright", what="stopped", why=body["why"], requester=body["who"],
        once=f"stopped {body['at']}",
    )  # fmt: skip
    return _sentence(body)


def lift(ports: Ports, *, who: str, why: str = "") -> str:
    """Let everything go on; a sentence. The next ticks ask again for every step that was let go. Busy."""
    stored = ports.store.get(COLLECTION, _KEY)
    if stored is None:
        return "poolwright is not stopped"
    body = stored.body
    if body["stopped"]:
        body = {"stopped": False, "who": who, "why": why, "at": ports.clock.now()}
        _put(ports, body, stored)
    record(
        ports, kind="stop", subject="poolwright", what="resumed", why=body["why"], requester=body["who"],
        once=f"resumed {body['at']}",
    )  # fmt: skip
    return "poolwright goes on; a tick asks again for what was stopped"


def _put(ports: Ports, body: Json, stored: Stored | None) -> None:
    try:
        ports.store.put(COLLECTION, _KEY, body, version=stored.version if stored else None)
    except Conflict:
        raise Busy("somebody else stops or resumes poolwright at this moment; look at its status") from None


def _sentence(body: Json) -> str:
    since = datetime.fromtimestamp(body["at"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    why = f": {body['why']}" if body["why"] else ""
    return f"poolwright is stopped since {since} by {body['who'] or 'somebody'}{why}; `poolwright resume` lets it go on"
