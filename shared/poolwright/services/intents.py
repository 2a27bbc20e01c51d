"""What is about to be done to a thing of Google's, written down before it is done, and until it is recorded.

    begin    the intent is stored, then the decision recorded
    (act)
    end      the effect is recorded, then the intent deleted

Whoever dies in between leaves the intent behind. The next one at the thing finds it, sees what became of it, and
completes the record: so every effect has its decision before it and itself after it, and nothing is recorded that did
not happen. A clean pass costs two writes more than the two records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from poolwright.entries import Entry
from poolwright.services.ports import Conflict, Ports, Stored
from poolwright.services.records import tell
from poolwright.verdicts import Busy

COLLECTION = "intents"
OLD_SECONDS = 120.0  # longer than any invocation lives: whoever began it is gone


@dataclass(frozen=True)
class Intent:
    """`decision` is what will be done, `effect` what is recorded once `effect.after` is so; `pool`: the node pool of
    the group that it is about, empty where it is about no group; `noted`: how far it is, for whoever goes on.
    `version` is that of its document."""

    decision: Entry
    effect: Entry
    pool: str = ""
    noted: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None

    @property
    def thing(self) -> str:
        """The key: one intent a thing at a time."""
        return self.decision.subject

    def is_abandoned(self, *, now: float) -> bool:
        """Whether it was begun so long ago that nobody can be at it."""
        return now - self.decision.at >= OLD_SECONDS


Happened = Callable[[Intent], bool]


def begin(ports: Ports, intent: Intent, *, happened: Happened) -> Intent:
    """Store the intent and record its decision; the intent as it is stored. One that somebody left behind is completed
    first, by what `happened` says of it; one that is the very same is taken up again. Busy."""
    for _ in range(2):
        try:
            stored = replace(intent, version=ports.store.put(COLLECTION, intent.thing, _body(intent), version=None))
        except Conflict:
            left = find(ports, intent.thing)
            if left is None or left.decision.key != intent.decision.key:
                complete(ports, intent.thing, happened=happened)
                continue
            stored = left
        tell(ports, [stored.decision])
        return stored
    raise Busy(f"somebody else is at {intent.thing}; it is looked at again")


def note(ports: Ports, intent: Intent, noted: Mapping[str, Any]) -> Intent:
    """Say how far it is; the intent as it is stored. Busy where somebody else is at it."""
    said = replace(intent, noted=noted)
    try:
        return replace(said, version=ports.store.put(COLLECTION, intent.thing, _body(said), version=intent.version))
    except Conflict:
        raise Busy(f"somebody else is at {intent.thing}; it is looked at again") from None


def end(ports: Ports, intent: Intent) -> None:
    """Record the effect, and let the intent go."""
    tell(ports, [replace(intent.effect, at=ports.clock.now())])
    _forget(ports, intent)


def find(ports: Ports, thing: str) -> Intent | None:
    """What somebody began at the thing and did not end."""
    stored = ports.store.get(COLLECTION, thing)
    return _read(stored) if stored else None


def complete(ports: Ports, thing: str, *, happened: Happened) -> None:
    """Complete the record of what was left behind at the thing, if anything was. `happened` looks at the world."""
    left = find(ports, thing)
    if left is None:
        return
    if happened(left):
        tell(ports, [left.decision])
        end(ports, left)
        return
    nothing = replace(
        left.decision,
        what=f"not done: {left.decision.what}",
        why="whoever began it ended before it was done, and it is not so",
        at=ports.clock.now(),
        once=f"{left.decision.once} not done",
        after=left.decision.before,
    )
    tell(ports, [left.decision, nothing])
    _forget(ports, left)


def under_way(ports: Ports) -> list[Intent]:
    """What somebody is about to do, or left behind."""
    return [_read(stored) for stored in ports.store.all(COLLECTION)]


def abandoned(ports: Ports) -> list[Intent]:
    """What was left behind by whoever began it."""
    return [intent for intent in under_way(ports) if intent.is_abandoned(now=ports.clock.now())]


def _forget(ports: Ports, intent: Intent) -> None:
    if intent.version is None:
        raise AssertionError("the intent was never stored")
    try:
        ports.store.delete(COLLECTION, intent.thing, version=intent.version)
    except Conflict:
        return


def _body(intent: Intent) -> dict[str, Any]:
    return {name: value for name, value in asdict(intent).items() if name != "version"}


def _read(stored: Stored) -> Intent:
    body = stored.body
    return Intent(
        decision=Entry(**body["decision"]),
        effect=Entry(**body["effect"]),
        pool=body["pool"],
        noted=body.get("noted", {}),
        version=stored.version,
    )
