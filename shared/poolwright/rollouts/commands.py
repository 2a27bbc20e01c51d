"""What a person's command makes of a rollout: pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from poolwright.rollouts.rollout import Rollout

Action = Literal["pause", "resume", "abort", "rollback"]


class NotNow(Exception):
    """The command does not fit the rollout as it is; the text says why and what would."""


def obey(rollout: Rollout, action: Action, *, sent: tuple[str, str], who: str) -> Rollout:
    """The rollout after the command. `sent`: (publish time, message id), in whose order commands count. NotNow.

    A command older than the newest one obeyed is late, and changes nothing.
    """
    if sent <= rollout.commanded:
        raise NotNow(f"a newer command was obeyed already ({rollout.commanded[0]})")
    changed = _CHANGES[action](rollout)
    by = f" by {who}" if who else ""
    obeyed = (*rollout.obeyed, sent[1])
    return msgspec.structs.replace(changed, commanded=sent, obeyed=obeyed, reason=f"{_DONE[action]}{by}")


def left_behind(rollout: Rollout) -> list[str]:
    """The groups that an abort leaves in the middle, and that are to be left alone until a later rollout takes them."""
    untouched = "mutated" if rollout.kind == "roll-back" else ""
    return [
        target.group
        for target in rollout.targets
        if target.state == "rolled back" or (target.touched and target.state != untouched)
    ]


def _pause(rollout: Rollout) -> Rollout:
    if rollout.finished or rollout.phase in ("rolling back", "offered"):
        raise NotNow(f"the rollout is {rollout.phase}; only one under way can be paused")
    return msgspec.structs.replace(rollout, paused=True, asked_time=0)


def _resume(rollout: Rollout) -> Rollout:
    if rollout.finished or rollout.phase == "rolling back":
        raise NotNow(f"the rollout is {rollout.phase}; there is nothing to resume")
    return msgspec.structs.replace(rollout, paused=False, asked_time=0)


def _abort(rollout: Rollout) -> Rollout:
    if rollout.finished:
        raise NotNow(f"the rollout is {rollout.phase}; there is nothing to abort")
    return msgspec.structs.replace(rollout, phase="aborted", paused=False, asked_time=0)


def _rollback(rollout: Rollout) -> Rollout:
    if rollout.phase in ("rolled back", "rolling back", "superseded"):
        raise NotNow(f"the rollout is {rollout.phase}")
    return msgspec.structs.replace(rollout, phase="rolling back", paused=False, asked_time=0)


_CHANGES = {"pause": _pause, "resume": _resume, "abort": _abort, "rollback": _rollback}
_DONE = {"pause": "paused", "resume": "resumed", "abort": "aborted", "rollback": "rolled back on command"}
