"""`poolwright build`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from poolwright.cli import options, screen, session
from poolwright.cli.options import EnvOption, OutputOption, RunIdOption

if TYPE_CHECKING:
    from poolwright.builds.run import Run
    from poolwright.environments import Environment
    from poolwright.services.ports import Ports

app = typer.Typer()
LOOK_SECONDS = 5.0

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the image is there, or the build has failed.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`state` as in builds/run.py; `build_id` is empty where nothing was submitted."""

    environment: str
    run_id: int
    build_id: str
    source_image: str
    state: str
    sentence: str


@app.command(epilog=options.examples("poolwright build --env dev --wait", "poolwright build --env dev --run-id 43"))
def build(env: EnvOption = "", run_id: RunIdOption = "", wait: Wait = False, output: OutputOption = "text") -> int:
    """Build the environment's next boot image with Cloud Build. The system counts the runs: a run id that is given is
    only checked."""
    expected = options.run_id(run_id)
    ports, environment = session.of(env)
    from poolwright.services import reference, request_build

    with screen.working("Asking Cloud Build"):
        source = environment.source_image.image or reference.source_image(ports, environment)
        requested = request_build.request(
            ports, environment=environment, source_image=source, run_id=expected, **session.claim("build")
        )
    run = _run(ports, environment, requested.run_id, wait=wait)
    asked = Asked(
        environment=environment.name,
        run_id=requested.run_id,
        build_id=requested.build_id,
        source_image=source,
        state=run.state if run else "",
        sentence=f"run {run.run_id} is {run.state}: {run.reason or run.image}" if run and wait else requested.sentence,
    )
    screen.show(asked, output, lambda _: [screen.text(f"{asked.sentence}.")])
    return 1 if run and run.state in ("failed", "refused") else 0


def _run(ports: Ports, environment: Environment, run_id: int, *, wait: bool) -> Run | None:
    """The run as it is, or as it is once nothing is to come of it any more."""
    from poolwright.services import runs

    began = time.monotonic()
    with screen.working(f"Run {run_id} is being built") as shown:
        while True:
            run = runs.find(ports, environment.name, run_id)
            if not wait or run is None or not run.unfinished:
                return run
            time.sleep(LOOK_SECONDS)
            if shown:
                shown.update(screen.text(f"Run {run_id} is being built, {time.monotonic() - began:.0f} s", "quiet"))
