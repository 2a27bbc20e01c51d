"""Looking until something has happened."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolwright.cli import rollout_view, screen
from poolwright.services.ports import Weather

if TYPE_CHECKING:
    from poolwright.cli.options import Output
    from poolwright.environments import Environment
    from poolwright.services.ask_rollout import Answer
    from poolwright.services.ports import Ports
    from poolwright.services.rollout_seen import RolloutSeen

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 90.0  # a cold start, a message that came again, and some
NO_ANSWER = (
    "Nobody has answered yet. A refusal (the command is then in the dead-letter topic, with its reason) or a function "
    "that is not deployed can be why; the log of rollout_command says more."
)


def for_an_answer(ports: Ports, environment: Environment, message_id: str) -> Answer | None:
    """What became of a command, None if nobody has taken it up in time."""
    from poolwright.services import ask_rollout

    end = time.monotonic() + PATIENCE_SECONDS
    with screen.working("Waiting until the command is taken up"):
        while True:
            if answer := ask_rollout.answer(ports, environment, message_id=message_id):
                return answer
            if time.monotonic() > end:
                return None
            time.sleep(LOOK_SECONDS)


def until_it_ends(ports: Ports, environment: Environment, rollout: str, output: Output) -> int:
    """Show the rollout whenever it changes; 0 if it came to what was asked."""
    last: RolloutSeen | None = None
    if output == "text" and screen.console().is_terminal:
        last = _live(_looks(ports, environment, rollout))
    else:
        for last in _looks(ports, environment, rollout):
            _line(last, output)
    return 0 if last and _came_to_what_was_asked(last) else 1


def _looks(ports: Ports, environment: Environment, rollout: str) -> Iterator[RolloutSeen]:
    """The rollout each time it has changed, until it is over. Bad weather is waited out."""
    from poolwright.services import rollout_seen

    seen = rollout_seen.of(ports, environment, rollout)
    yield seen
    while not seen.finished:
        time.sleep(LOOK_SECONDS)
        try:
            fresh = rollout_seen.of(ports, environment, seen.id)
        except Weather:
            continue
        if fresh != seen:
            yield fresh
        seen = fresh


def _live(looks: Iterator[RolloutSeen]) -> RolloutSeen | None:
    from rich.console import Group
    from rich.live import Live

    last = None
    with Live(console=screen.console(), auto_refresh=False, vertical_overflow="ellipsis") as live:
        for last in looks:
            live.update(Group(*rollout_view.rendered(last)), refresh=True)
    return last


def _line(seen: RolloutSeen, output: Output) -> None:
    """One line a change, for a pipe."""
    if output == "json":
        import msgspec

        sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
    else:
        sys.stdout.write(rollout_view.in_a_line(seen) + "\n")
    sys.stdout.flush()


def _came_to_what_was_asked(seen: RolloutSeen) -> bool:
    return seen.phase == ("rolled back" if seen.kind == "roll-back" else "done")
