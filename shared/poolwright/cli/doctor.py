"""`poolwright doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from poolwright.cli import options, screen, session
from poolwright.cli.options import EnvOption, OutputOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.environments import Environment
    from poolwright.services.doctor.findings import Report

app = typer.Typer()
_STYLE = {"ok": "good", "warning": "refused", "problem": "bad", "unknown": "quiet"}
_WIDEST = max(map(len, _STYLE)) + 2


@app.command(epilog=options.examples("poolwright doctor", "poolwright doctor --env dev --output json"))
def doctor(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Look whether a deployment can do its work, and say what to do where it cannot. Changes nothing.

    The exit status is 1 where there is a problem."""
    from poolwright.instruments import instruments
    from poolwright.services.doctor import examine, observing
    from poolwright.settings import Settings

    environments, files = _environments(env)
    settings = Settings.read()
    with screen.working("Looking at everything"):
        seen = observing.look(instruments(settings), own=settings.project, environments=environments, files=files)
    report = examine.examine(seen)
    screen.show(report, output, rendered)
    if report.count("problem"):
        raise typer.Exit(1)


def _environments(name: str) -> tuple[tuple[Environment, ...], tuple[str, ...]]:
    """Those to look at, and what is wrong with the files: then none of them is looked at. Refused."""
    from poolwright.environments import BadEnvironment

    try:
        if name:
            return (session.of(name)[1],), ()
        return session.ports().environments, ()
    except BadEnvironment as wrong:
        return (), wrong.problems


def rendered(report: Report) -> Iterator[RenderableType]:
    """For people: a line a thing under each check, under it what to do, then the sum."""
    yield screen.head(report.project, "", ", ".join(report.environments))
    for check, findings in groupby(report.findings, key=lambda each: each.check):
        yield ""
        yield screen.text(check, "strong")
        table = screen.table("", "", show_header=False)
        table.columns[0].min_width = _WIDEST
        for each in findings:
            table.add_row(
                screen.text(f"  {each.severity}", _STYLE[each.severity]), screen.text(f"{each.where}: {each.what}")
            )
            if each.to_do:
                table.add_row("", screen.text(each.to_do, "quiet"))
        yield table
    yield ""
    problems, warnings, unknown = (report.count(each) for each in ("problem", "warning", "unknown"))
    yield f"problems: {problems}, warnings: {warnings}, unknown: {unknown}."
