"""`poolwright tidy`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from poolwright.cli import options, screen, session
from poolwright.cli.options import EnvOption, OutputOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.services.tidy import Tidied

app = typer.Typer()


@app.command(epilog=options.examples("poolwright tidy --env dev"))
def tidy(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Delete templates of ours and boot images that nothing has named for the grace period, and say what waits for it.

    The tick does the same each hour. Leftovers of an interrupted fetch are removed from this machine."""
    ports, environment = session.of(env)
    from poolwright.services import metadata_folder
    from poolwright.services import tidy as service

    metadata_folder.tidy(session.metadata_folder(environment.name))
    with screen.working(f"Looking what nothing names in {environment.project}"):
        found = service.tidy(ports, environment, cause=session.claim("tidy")["cause"])
    screen.show(found, output, _rendered)


def _rendered(found: Tidied) -> Iterator[RenderableType]:
    yield screen.text(f"{found.sentence}.")
    if found.waiting:
        yield ""
        table = screen.table("nothing names", "since", "goes from")
        for each in found.waiting:
            table.add_row(each.name, screen.text(screen.time(each.since), "quiet"), screen.time(each.goes))
        yield table
    for cluster in found.reference_pools:
        delete = f"poolwright reference delete --env {found.environment}"
        yield screen.labelled("left behind", f"The reference pool of {cluster} is still there; delete it: {delete}")
