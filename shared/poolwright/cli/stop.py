"""`poolwright stop` and `poolwright resume`: the global stop."""

from __future__ import annotations

import typer

from poolwright.cli import failures, options, screen, session
from poolwright.cli.options import OutputOption, ReasonOption

app = typer.Typer()


@app.command(epilog=options.examples('poolwright stop --reason "nodes of dev do not join"'))
def stop(reason: ReasonOption = "", output: OutputOption = "text") -> None:
    """Stop everything, in all environments, at its next step. Nothing is undone, and no cluster is needed for it."""
    ports = session.ports()
    from poolwright.services import stop as service

    try:
        sentence = service.set_stop(ports, who=session.requester(), why=reason)
    except Exception as error:  # the stop itself needs nothing but the store
        if not (sentence := service.stopped(ports)):
            raise
        screen.fail(f"the stop is in force, but nobody could be told of it. {failures.explain(error)}")
    screen.show({"stopped": True, "sentence": sentence}, output, lambda _: [screen.text(f"{sentence}.")])


@app.command(epilog=options.examples('poolwright resume --reason "the driver is fixed"'))
def resume(reason: ReasonOption = "", output: OutputOption = "text") -> None:
    """Let everything go on after a stop. The next tick asks again for what was let go."""
    ports = session.ports()
    from poolwright.services import stop as service

    sentence = service.lift(ports, who=session.requester(), why=reason)
    screen.show({"stopped": False, "sentence": sentence}, output, lambda _: [screen.text(f"{sentence}.")])
