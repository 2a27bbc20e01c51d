"""`poolwright reference ...`: the zero-node pool that shows what GKE would make nodes of now."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import typer

from poolwright.boot_images.changes import Change
from poolwright.cli import options, screen, session
from poolwright.cli.options import EnvOption, OutputOption
from poolwright.verdicts import Busy

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.services.reference import Check, Status

app = typer.Typer(
    name="reference", no_args_is_help=True, help="See what GKE would make nodes of now, by a pool without nodes."
)
LOOK_SECONDS = 2.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch put into files. `first`: nothing was fetched before, so nothing is compared."""

    environment: str
    folder: str
    files: int
    first: bool
    changes: tuple[Change, ...]


@app.command(epilog=options.examples("poolwright reference create --env dev"))
def create(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Create the reference pool, and wait until GKE has made its template. Stop and repeat it at will."""
    ports, environment = session.of(env)
    from poolwright.services import reference

    step = partial(reference.create, ports, environment, **session.claim("reference create"))
    screen.show(_until_done(step, "GKE makes the reference pool"), output, _sentence)


@app.command(epilog=options.examples("poolwright reference check --env dev"))
def check(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Compare the source image that GKE uses now with the environment's and the newest boot image's."""
    ports, environment = session.of(env)
    from poolwright.services import reference

    with screen.working("Reading the reference pool's template"):
        found = reference.check(ports, environment)
    screen.show(found, output, _checked)


@app.command(epilog=options.examples("poolwright reference fetch --env dev"))
def fetch(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Keep the metadata of GKE's template in files, one a key, and show what GKE changed since the last time.

    They are in ENV/metadata beside the environment's file; what could be a secret is a fingerprint there."""
    ports, environment = session.of(env)
    from poolwright.services import metadata_folder, reference

    folder = session.metadata_folder(environment.name)
    with screen.working("Reading the reference pool's template"):
        fetched = reference.fetch(ports, environment, before=metadata_folder.read(folder))
    metadata_folder.replace(folder, fetched.files)
    kept = Kept(
        environment=environment.name, folder=str(folder), files=len(fetched.files), first=fetched.first,
        changes=fetched.changes,
    )  # fmt: skip
    screen.show(kept, output, _kept)


@app.command(epilog=options.examples("poolwright reference delete --env dev"))
def delete(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Delete the reference pool, and wait until it is gone. Stop and repeat it at will."""
    ports, environment = session.of(env)
    from poolwright.services import reference

    step = partial(reference.delete, ports, environment, **session.claim("reference delete"))
    screen.show(_until_done(step, "GKE deletes the reference pool"), output, _sentence)


def _until_done(step: Callable[[], Status], what: str) -> Status:
    """Take steps until nothing more comes of them. Refused, and Busy where somebody else is at it all along."""
    began, patience = time.monotonic(), _BUSY_SECONDS
    with screen.working(what) as shown:
        while True:
            try:
                status = step()
            except Busy:
                if time.monotonic() - began > patience:
                    raise
            else:
                if status.done:
                    return status
                patience = time.monotonic() - began + _BUSY_SECONDS
            time.sleep(LOOK_SECONDS)
            if shown:
                shown.update(screen.text(f"{what}, {time.monotonic() - began:.0f} s", "quiet"))


_BUSY_SECONDS = 300.0  # how long somebody else's operation on the cluster may keep us waiting


def _sentence(status: Status) -> Iterator[RenderableType]:
    yield screen.text(f"{status.sentence}.", "good")


def _checked(found: Check) -> Iterator[RenderableType]:
    table = screen.table("", "", show_header=False)
    table.add_row(screen.text("GKE uses", "quiet"), screen.text(found.used, "strong"))
    table.add_row("", screen.text(f"at node version {found.node_version}", "quiet"))
    table.add_row(screen.text("the environment names", "quiet"), found.expected or "whatever GKE uses")
    built_on = f"{found.built_on} (run {found.run_id}, {found.boot_image})" if found.run_id else "nothing yet"
    table.add_row(screen.text("the newest boot image is on", "quiet"), built_on)
    yield table
    yield ""
    if found.agrees:
        yield screen.text("They agree: no build is due.", "good")
    for sentence in found.sentences:
        yield screen.text(sentence, "refused")


def _kept(kept: Kept) -> Iterator[RenderableType]:
    yield f"{kept.files} files in {kept.folder}."
    if kept.first:
        yield screen.text("It is the first fetch, so there is nothing to compare with. Commit them.", "quiet")
    elif not kept.changes:
        yield screen.text("GKE changed nothing since the last fetch.", "good")
    for change in kept.changes:
        yield ""
        yield screen.text(change.key, "strong")
        for line in _lines(change):
            yield screen.indented(line, style={"+": "good", "-": "bad"}.get(line[:1], "quiet"))


def _lines(change: Change) -> Iterator[str]:
    """The lines that differ, with one of context."""
    before, after = (change.before or "").splitlines(), (change.after or "").splitlines()
    found = difflib.unified_diff(before, after, n=1, lineterm="")
    yield from (line for line in found if not line.startswith(("---", "+++")))
