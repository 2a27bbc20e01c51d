"""Options that several commands have, and how an example stands in their help."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from poolwright.verdicts import Refused

Output = Literal["text", "json"]

EnvOption = Annotated[
    str, typer.Option("--env", metavar="ENV", help="The environment: a file in environments/.", show_default=False)
]
OutputOption = Annotated[
    Output, typer.Option("--output", help="For people, or as JSON of the shape in docs/output-json.md.")
]
RunIdOption = Annotated[
    str, typer.Option("--run-id", metavar="N", help="The boot image's run id.", show_default="the newest run")
]
GroupsOption = Annotated[
    str, typer.Option("--groups", metavar="A,B", help="Only these instance groups.", show_default="all")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the records.", show_default=False)
]


def examples(*lines: str) -> str:
    """A command's epilog."""
    return "\n\n".join([f"[bold]Example{'s' if len(lines) > 1 else ''}[/]", *(f"  {line}" for line in lines)])


def run_id(text: str) -> int | None:
    """What was given as `--run-id`; None for nothing. Refused."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) < 10**18:
        remedy = "Give a whole number from 1, such as 42; `poolwright images` lists the runs that have an image"
        raise Refused("--run-id", f"{text!r} is no run id", remedy)
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """What was given as a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
