"""A person's or a pipeline's order about a rollout, published to `rollout-commands`: `RolloutCommand`.

    {"action": "start", "environment": "dev", "runId": 42, "requester": "ada@acme.example", "reason": "new driver"}

What a message proves is only that its sender may publish to the topic: `requester` is a claim.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired, TypedDict, get_args

from poolwright.events.envelope import Message
from poolwright.events.reading import json_object, shaped
from poolwright.verdicts import Refused

Action = Literal["start", "pause", "resume", "abort", "rollback"]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutCommand:
    """Commands are ordered by `publish_time`, then `message_id`: a late one does not undo a newer one."""

    message_id: str
    publish_time: datetime
    subscription: str
    action: Action
    environment: str
    run_id: int | None  # None: the newest boot image
    rollout: str | None  # None: the environment's current one
    requester: str
    reason: str
    groups: tuple[str, ...] = ()  # of start and rollback: `group` or `zone/group`; none: all


class _Command(TypedDict):
    action: Action
    environment: str
    runId: NotRequired[int | None]
    rollout: NotRequired[str | None]
    requester: NotRequired[str | None]
    reason: NotRequired[str | None]
    groups: NotRequired[list[str] | None]


_FIELDS = tuple(_Command.__annotations__)
_REMEDY = (
    f"Publish the command again as a JSON object with action (one of {', '.join(ACTIONS)}) and environment; "
    "runId, rollout, groups, requester and reason are optional"
)


def decode(message: Message) -> RolloutCommand:
    """Raises `Refused`, also for a field it does not know: a mistyped `runId` must not start another image."""
    body = json_object(message.data, where="message.data", remedy=_REMEDY)
    for name in body:
        if name not in _FIELDS:
            raise Refused(name or '""', "is no field of a rollout command", _REMEDY)
    command = shaped(body, _Command, remedy=_REMEDY)
    run_id = command.get("runId")
    if run_id is not None and run_id < 1:
        raise Refused("runId", "is no run id: they count from 1", _REMEDY)
    if not command["environment"]:
        raise Refused("environment", "is empty", _REMEDY)
    groups = tuple(dict.fromkeys(command.get("groups") or ()))
    if groups and command["action"] not in ("start", "rollback"):
        raise Refused("groups", f"cannot be chosen for {command['action']}, which is of a whole rollout", _REMEDY)
    if not all(groups):
        raise Refused("groups", "has an empty name", _REMEDY)
    return RolloutCommand(
        message_id=message.id,
        publish_time=message.publish_time,
        subscription=message.subscription,
        action=command["action"],
        environment=command["environment"],
        run_id=run_id,
        rollout=command.get("rollout") or None,
        requester=command.get("requester") or "",
        reason=command.get("reason") or "",
        groups=groups,
    )
