"""What a person sees while the story is played."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One thing that was expected, and what the API says."""

    act: str
    thing: str
    expected: str
    found: str

    @property
    def right(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found


@dataclass
class Screen:
    """Acts, a timeline and, at the end, the table."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    rows: list[Row] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _act: str = ""

    def title(self, text: str) -> None:
        """The first line."""
        self.console.print(f"\n[bold]{escape(text)}[/]")

    @contextmanager
    def setting_up(self, text: str) -> Iterator[None]:
        """Something that takes a moment."""
        began = time.monotonic()
        with self.console.status(f"  {escape(text)}", spinner="dots"):
            yield
        self.console.print(f"  [green]✔[/] {escape(text)} [dim]{time.monotonic() - began:.1f} s[/]")

    @contextmanager
    def act(self, number: int, text: str) -> Iterator[None]:
        """A part of the story."""
        self._act = str(number)
        self.console.print(f"\n[bold cyan]{number}[/] [bold]{escape(text)}[/]")
        with self.console.status("", spinner="dots") as status:
            self._status = status
            yield

    def waiting(self, text: str) -> None:
        """What we wait for now, in the line that moves."""
        self._status.update(f"  [dim]{escape(text)}[/]")

    def happened(self, text: str, *, why: str = "", by_us: bool = False) -> None:
        """One line of the timeline; `by_us` is what the demo did, not poolwright."""
        mark = "[yellow]›[/]" if by_us else "[green]•[/]"
        reason = f" [dim]{escape(why)}[/]" if why else ""
        line = f"  [dim]{time.monotonic() - self._began:5.1f}[/] {mark} {escape(text)}{reason}"
        self.console.print(line, no_wrap=True, overflow="ellipsis")

    def check(self, thing: str, *, expected: Any, found: Any) -> None:
        """A row of the table at the end."""
        self.rows.append(Row(self._act, thing, str(expected), str(found)))

    def ending(self) -> bool:
        """The table; whether everything was as expected."""
        table = Table(title="what was expected, and what the API says", title_style="bold", title_justify="left")
        for name in ("act", "what", "expected", "found", ""):
            table.add_column(name, overflow="fold")
        for row in self.rows:
            mark = "[green]✔[/]" if row.right else "[red]✘[/]"
            table.add_row(row.act, escape(row.thing), escape(row.expected), escape(row.found), mark)
        self.console.print()
        self.console.print(table)
        wrong = sum(not row.right for row in self.rows)
        took = time.monotonic() - self._began
        if wrong:
            self.console.print(
                f"[bold red]{wrong} of {len(self.rows)} are not as expected[/] [dim]after {took:.0f} s[/]"
            )
        else:
            self.console.print(f"[bold green]all {len(self.rows)} as expected[/] [dim]in {took:.0f} s[/]")
        return not wrong

    def late(self, text: str) -> None:
        """An act that did not come to its end."""
        self.console.print(f"  [bold red]✘ {escape(text)}[/]")
        self.rows.append(Row(self._act, "the act", "comes to its end", text))
