"""Why groups are as they are: one reason a paragraph, however many groups share it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from poolwright.cli import screen

if TYPE_CHECKING:
    from rich.table import Table


def table(said: Iterable[tuple[str, str, str]]) -> Table:
    """(kind, reason in a sentence, group) -> a line a reason, and under it the groups that it does not name."""
    from poolwright.services.reasons import shared

    made = screen.table("", "", show_header=False)
    for each in shared(said):
        made.add_row(screen.text(each.kind, "refused"), screen.text(each.reason))
        if each.others:
            also = "So it is with " if len(each.others) < len(each.groups) else ""
            made.add_row("", screen.text(f"{also}{screen.listed(each.others)}", "quiet"))
    return made
