"""`poolwright auth`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import typer

from poolwright.cli import failures, options, screen, session
from poolwright.cli.options import EnvOption, OutputOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.environments import Environment
    from poolwright.services.fleet import Fleet
    from poolwright.services.ports import Ports

app = typer.Typer()

# "Write the obtained credentials to the well-known location for Application Default Credentials"
# (https://cloud.google.com/sdk/gcloud/reference/auth/login): one login for gcloud and for poolwright.
LOG_IN = ("gcloud", "auth", "login", "--update-adc")


class Access(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who asks, and what of the environment can be read."""

    environment: str
    project: str
    account: str
    clusters: int
    groups: int
    missing_clusters: tuple[str, ...]


@app.command(epilog=options.examples("poolwright auth --env dev"))
def auth(env: EnvOption = "", output: OutputOption = "text") -> None:
    """See who you are to Google, and that you can read the environment. Logs you in if you are nobody."""
    ports, environment = session.of(env)
    try:
        seen = _look(ports, environment)
    except Exception as error:
        if not (failures.is_nobody(error) and sys.stdin.isatty() and output == "text"):
            raise
        screen.fail(f"nobody is logged in; starting {' '.join(LOG_IN)}")
        subprocess.run(LOG_IN, check=True)
        seen = _look(session.ports(), environment)
    access = Access(
        environment=environment.name,
        project=environment.project,
        account=session.requester(),
        clusters=len(seen.clusters),
        groups=sum(1 for _ in seen.members()),
        missing_clusters=tuple(map(str, seen.missing)),
    )
    screen.show(access, output, _rendered)


def _rendered(access: Access) -> Iterator[RenderableType]:
    can = f"{access.clusters} clusters and {access.groups} instance groups with GPUs in {access.project}"
    yield screen.text(f"You are {access.account}, and can read {can}.")
    yield from map(screen.missing, access.missing_clusters)


def _look(ports: Ports, environment: Environment) -> Fleet:
    from poolwright.services import fleet

    with screen.working(f"Reading {environment.project}"):
        return fleet.look(ports, environment)
