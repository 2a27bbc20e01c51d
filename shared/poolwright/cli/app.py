"""All commands, and what becomes of their errors."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import typer

from poolwright.cli import (
    auth,
    build,
    doctor,
    failures,
    images,
    plan,
    pools,
    reference,
    rollout,
    screen,
    status,
    stop,
    tidy,
)
from poolwright.logs import redact

log = logging.getLogger(__name__)
app = typer.Typer(
    name="poolwright",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Keeps GKE node pools on your own boot images. Every command tells more with --help.",
)
app.add_typer(status.app)
app.add_typer(plan.app)
app.add_typer(images.app)
app.add_typer(pools.app)
app.add_typer(rollout.app)
app.add_typer(reference.app)
app.add_typer(build.app)
app.add_typer(tidy.app)
app.add_typer(stop.app)
app.add_typer(doctor.app)
app.add_typer(auth.app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit status."""
    _log_to_standard_error()
    try:
        status = app(list(arguments), prog_name="poolwright", standalone_mode=False)
    except typer.TyperException as wrong:  # a line that was not understood
        if message := wrong.format_message():  # none: it was only the help that was wanted
            screen.fail(f"{message} `poolwright --help` lists the commands, and each has its own --help.")
        return wrong.exit_code
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        log.debug("the command ended with it", exc_info=True)
        screen.fail(failures.explain(error))
        return 1
    return status if isinstance(status, int) else 0


class _Redacting(logging.Formatter):
    """Errors of other people's libraries may quote what they were given."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _log_to_standard_error() -> None:
    """Errors; of our own loggers what POOLWRIGHT_LOG_LEVEL says."""
    os.environ.pop("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", None)  # with it Google's clients print whole bodies
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacting("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[handler])
    wanted = os.environ.get("POOLWRIGHT_LOG_LEVEL", "").upper()
    logging.getLogger("poolwright").setLevel(wanted if wanted in logging.getLevelNamesMapping() else logging.ERROR)
