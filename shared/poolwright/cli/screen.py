"""How things look: calm tables on a terminal, plain text in a pipe, JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from poolwright.cli.options import Output

PIPE_COLUMNS = 200  # nobody folds lines for grep

_STYLES = {
    "changed": "cyan",
    "good": "green",
    "bad": "red",
    "refused": "yellow",
    "quiet": "bright_black",
    "strong": "bold",
}


@cache
def console(*, errors: bool = False) -> Console:
    """Standard output, or standard error; without colours where that is no terminal, or NO_COLOR says so."""
    from rich.console import Console
    from rich.theme import Theme

    stream = sys.stderr if errors else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # an old locale has no check mark
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PIPE_COLUMNS
    return Console(stderr=errors, highlight=False, theme=Theme(_STYLES), width=width, emoji=False)


def show(result: Any, output: Output, render: Callable[[Any], Iterable[RenderableType]]) -> None:
    """Print a result of a service."""
    if output == "json":
        print_json(result)
        return
    out = console()
    with out.capture() as captured:
        for part in render(result):
            out.print(part)
    sys.stdout.write("".join(f"{line.rstrip(' ')}\n" for line in captured.get().splitlines()))


def print_json(result: Any) -> None:
    """One document, indented, as a program or a diff would have it."""
    import msgspec

    encoded = msgspec.json.format(msgspec.json.encode(result), indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def fail(text: str) -> None:
    """Say to the person what went wrong."""
    from rich.text import Text

    out = console(errors=True)
    out.print(Text.assemble(("poolwright: ", "bad" if out.is_terminal else ""), text), soft_wrap=not out.is_terminal)


def table(*columns: str, **options: Any) -> Table:
    """A table without lines. A column named `>x` is of numbers; what does not fit is folded, never cut."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="quiet", **options)
    for name in columns:
        justify: Any = "right" if name.startswith(">") else "left"
        made.add_column(name.lstrip(">"), overflow="fold", justify=justify)
    return made


def text(content: str, style: str = "") -> Text:
    """Content that is never taken for markup."""
    from rich.text import Text

    return Text(content, style=style)


def head(name: str, state: str, more: str = "", *, style: str = "") -> RenderableType:
    """The first line of what is said about a thing."""
    from rich.text import Text

    parts = [(name, "strong"), (state, style), (more, "quiet")]
    return Text("  ").join(Text(content, style=look) for content, look in parts if content)


def two_lines(first: str, second: str) -> RenderableType:
    """A cell with what matters, and a detail under it."""
    from rich.text import Text

    return Text.assemble(first, "\n", (second, "quiet"))


def indented(content: str, *, style: str = "", by: int = 2) -> RenderableType:
    """A paragraph whose folded lines stay indented."""
    return aside(text(content, style), by=by)


def aside(what: RenderableType, *, by: int = 2) -> RenderableType:
    """The same for anything."""
    from rich.padding import Padding

    return Padding(what, (0, 0, 0, by), expand=False)


def labelled(label: str, content: str, *, style: str = "refused") -> RenderableType:
    """A word, and a sentence beside it."""
    return beside(text(label, style), text(content))


def beside(left: RenderableType, right: RenderableType) -> RenderableType:
    """Two columns; what the right one folds stays in it."""
    made = table("", "", show_header=False)
    made.add_row(left, right)
    return made


def missing(cluster: str) -> RenderableType:
    """A cluster that the environment's file names and GKE does not know."""
    return labelled("missing", f"GKE knows no {cluster}; correct the environment's file, or take the cluster out.")


def time(seconds: float) -> str:
    """A moment, as the records have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def where(run_id: int | None) -> str:
    """What a group is on."""
    return "GKE's own" if run_id is None else f"run {run_id}"


def working(what: str) -> AbstractContextManager[Any]:
    """Shows on a terminal that something is going on; nothing in a pipe."""
    out = console(errors=True)
    return out.status(text(what, "quiet"), spinner="dots", spinner_style="quiet") if out.is_terminal else nullcontext()


def listed(names: Sequence[str], *, most: int = 8) -> str:
    """Names in a line, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
