"""`poolwright images`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from poolwright.cli import options, screen, session
from poolwright.cli.options import EnvOption, OutputOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.services.boot_images import Images, Seen

app = typer.Typer()


@app.command(epilog=options.examples("poolwright images --env dev"))
def images(env: EnvOption = "", output: OutputOption = "text") -> None:
    """List the boot images of an environment, and how many instance groups are on each."""
    ports, environment = session.of(env)
    from poolwright.services import boot_images

    with screen.working(f"Reading the images of {environment.name}"):
        found = boot_images.listed(ports, environment)
    screen.show(found, output, _rendered)


def _rendered(found: Images) -> Iterator[RenderableType]:
    if not found.images:
        environment = found.environment
        yield f"{environment} has no boot image yet. Build one: poolwright build --env {environment}"
        return
    table = screen.table(">run", "image, and what it is built on", ">used", "made", "")
    for each in found.images:
        table.add_row(
            screen.text(str(each.run_id), "strong"),
            screen.two_lines(each.name, each.source_image),
            str(each.groups or "–"),
            screen.text(each.created[:10], "quiet"),
            _marks(each),
        )
    yield table


def _marks(each: Seen) -> RenderableType:
    if each.problems:
        return screen.text(" ".join(each.problems), "bad")
    marks = [name for name, there in (("released", each.released), ("pinned", each.pinned)) if there]
    return screen.text(", ".join(marks), "good")
