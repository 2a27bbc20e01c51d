"""What a transition leaves to be told: carried in the rollout's own document, so that no kill parts the two. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from poolwright.entries import Entry
from poolwright.rollouts import overdue
from poolwright.rollouts.rollout import Rollout


def noted(before: Rollout, after: Rollout, *, now: float, cause: str, held: bool = False) -> Rollout:
    """`after`, with an entry where it is at another place than `before`, or was decided to stay (`held`). What `before`
    still had to tell is told."""
    silent = msgspec.structs.replace(overdue.moved(before, after, now=now), outbox=())
    was, is_now = place(before), place(after)
    if was == is_now and not held:
        return silent
    what = f"held: {after.current.name}" if held else _what(before, after)
    return entered(
        silent, now=now, cause=cause, what=what, why=after.reason, requester=after.requester, before=was, after=is_now
    )


def entered(
    rollout: Rollout,
    *,
    now: float,
    cause: str,
    what: str,
    why: str,
    kind: str = "rollout",
    requester: str = "",
    before: str = "",
    after: str = "",
    **details: Any,
) -> Rollout:
    """The rollout with one more entry to tell."""
    sequence = rollout.sequence + 1
    entry = Entry(
        kind=kind, subject=rollout.id, environment=rollout.environment, what=what, why=why, cause=cause,
        requester=requester, before=before, after=after, at=now, once=f"{rollout.created} {sequence}",
        details={"runId": rollout.run_id, **details},
    )  # fmt: skip
    return msgspec.structs.replace(rollout, outbox=(*rollout.outbox, entry), sequence=sequence)


def place(rollout: Rollout) -> str:
    """Where a rollout is, in a few words."""
    wave = "" if rollout.finished else f": {rollout.current.name}"
    node = f", canary node {rollout.canary}" if rollout.canary else ""
    made = " asked for" if rollout.canary and rollout.canary_time else ""
    return f"{rollout.phase}{wave}{', paused' if rollout.paused else ''}{node}{made}"


def _what(before: Rollout, after: Rollout) -> str:
    if (before.phase, before.wave, before.paused) != (after.phase, after.wave, after.paused):
        return f"{after.phase}: {after.current.name}"
    if not after.canary:
        return f"canary node {before.canary} was given back"
    return f"canary node {after.canary} was {'asked for' if after.canary_time else 'decided on'}"
