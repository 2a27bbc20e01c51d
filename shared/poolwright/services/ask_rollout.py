"""A command about a rollout, published as any pipeline would publish it; and what has become of it, by the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from poolwright.entries import Entry
from poolwright.events.rollout_command import Action
from poolwright.services import known_rollouts, records
from poolwright.services.ports import Ports

if TYPE_CHECKING:
    from poolwright.environments import Environment
    from poolwright.rollouts.rollout import Rollout

TOPIC = "rollout-commands"


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the function made of a command. `rollout` is the id of the rollout that it started or changed, empty where
    there is none; `sentence` is for people."""

    state: Literal["obeyed", "changed nothing"]
    rollout: str
    sentence: str


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A command that was published. `answer` is None where nobody waited, or nobody has taken it up in time."""

    action: Action
    environment: str
    message_id: str
    requester: str
    waited: bool
    answer: Answer | None


def ask(
    ports: Ports,
    *,
    action: Action,
    environment: str,
    run_id: int | None = None,
    rollout: str = "",
    groups: Sequence[str] = (),
    requester: str = "",
    reason: str = "",
) -> str:
    """Publish the command; the message's id. Weather."""
    command: dict[str, Any] = {
        "action": action,
        "environment": environment,
        "runId": run_id,
        "rollout": rollout,
        "groups": list(groups),
        "requester": requester,
        "reason": reason,
    }
    data = json.dumps({name: value for name, value in command.items() if value}).encode()
    return ports.publisher.publish(TOPIC, data, {"environment": environment, "action": action})


def answer(ports: Ports, environment: Environment, *, message_id: str) -> Answer | None:
    """What was made of the command; None while nobody has taken it up."""
    for rollout in reversed(known_rollouts.all_of(ports, environment.name)):
        if rollout.commanded[1] == message_id or rollout.cause.endswith(f" {message_id}"):
            return Answer(state="obeyed", rollout=rollout.id, sentence=f"{rollout.id} is {_where(rollout)}")
        if told := _record(ports, rollout.id, message_id):
            return _changed_nothing(told, rollout.id)
    told = _record(ports, environment.name, message_id)
    return _changed_nothing(told, "") if told else None


def _changed_nothing(told: dict[str, Any], rollout: str) -> Answer:
    why = f": {told['why']}" if told["why"] else ""
    return Answer(state="changed nothing", rollout=rollout, sentence=f"{told['what']}{why}")


def _where(rollout: Rollout) -> str:
    return f"{rollout.phase}{', paused' if rollout.paused else ''}: {rollout.reason}"


def _record(ports: Ports, subject: str, message_id: str) -> dict[str, Any] | None:
    """The record that the function leaves of a command, which has the message's id in its key."""
    entry = Entry(kind="command", subject=subject, what="", at=0, once=message_id)
    stored = ports.store.get(records.COLLECTION, entry.key)
    return stored.body if stored else None
