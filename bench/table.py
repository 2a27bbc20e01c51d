"""Figures as a person reads them, each beside its baseline of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line. `ratio` to the baseline, None where it is one; `aim` says what the ratio, or else, should be."""

    name: str
    measured: tuple[str, ...]
    ratio: float | None = None
    aim: str = ""
    reached: bool = True


def show(title: str, columns: Sequence[str], figures: Sequence[Figure]) -> None:
    """Print them."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in (*columns, "ratio"):
        table.add_column(column, justify="right")
    table.add_column("aim")
    for figure in figures:
        ratio = "baseline" if figure.ratio is None else f"{figure.ratio:.2f}"
        verdict = f"{figure.aim}: {'met' if figure.reached else 'MISSED'}" if figure.aim else ""
        table.add_row(figure.name, *figure.measured, ratio, verdict)
    Console(width=110, highlight=False).print(table)
