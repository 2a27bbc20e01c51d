"""`poolwright stop` and `poolwright resume`: the global stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import typer

from poolwright.cli import failures, options, screen, session
from poolwright.cli.options import OutputOption, ReasonOption

if TYPE_CHECKING:
    from rich.console import RenderableType

app = typer.Typer()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Whether poolwright is stopped from now on; `sentence` is for people."""

    stopped: bool
    sentence: str


@app.command(epilog=options.examples('poolwright stop --reason "nodes of dev do not join"'))
def stop(reason: ReasonOption = "", output: OutputOption = "text") -> int:
    """Stop everything, in all environments, at its next step. Nothing is undone, and no cluster is needed for it.

    Exits 1 where it is stopped, and that could not be published; to stop again tells it.
    """
    ports = session.ports()
    from poolwright.services import stop as service

    told = True
    try:
        sentence = service.set_stop(ports, who=session.requester(), why=reason)
    except Exception as error:  # the stop itself needs nothing but the store
        if not (sentence := service.stopped(ports)):
            raise
        told = False
        screen.fail(f"the stop is in force, but nobody could be told of it. {failures.explain(error)}")
    screen.show(State(stopped=True, sentence=sentence), output, _sentence)
    return 0 if told else 1


@app.command(epilog=options.examples('poolwright resume --reason "the driver is fixed"'))
def resume(reason: ReasonOption = "", output: OutputOption = "text") -> None:
    """Let everything go on after a stop. The next tick asks again for what was let go."""
    ports = session.ports()
    from poolwright.services import stop as service

    sentence = service.lift(ports, who=session.requester(), why=reason)
    screen.show(State(stopped=False, sentence=sentence), output, _sentence)


def _sentence(state: State) -> Iterator[RenderableType]:
    yield screen.text(f"{state.sentence}.")
