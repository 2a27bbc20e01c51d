"""Why groups are as they are: one reason a paragraph, however many groups share it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from poolwright.cli import screen

if TYPE_CHECKING:
    from rich.table import Table

_GKE_HASH = re.compile(r"-[0-9a-f]{8}\b")  # in which the names of one pool's groups and templates differ


def table(said: Iterable[tuple[str, str, str]]) -> Table:
    """(kind, reason in a sentence, group) -> a line a reason, and under it the groups that it does not name."""
    same: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for kind, reason, group in said:
        same.setdefault((kind, _GKE_HASH.sub("", reason)), (reason, []))[1].append(group)
    made = screen.table("", "", show_header=False)
    for (kind, _), (reason, groups) in same.items():
        made.add_row(screen.text(kind, "refused"), screen.text(reason))
        others = [name for name in groups if name not in reason]
        if others:
            also = "So it is with " if len(others) < len(groups) else ""
            made.add_row("", screen.text(f"{also}{screen.listed(others)}", "quiet"))
    return made
