"""What a check says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import msgspec

Severity = Literal["ok", "warning", "problem", "unknown"]
Seen_ = TypeVar("Seen_")


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`where` names the thing, `what` is a sentence about it, `to_do` a command to type or a page to read (empty where
    all is well)."""

    check: str
    severity: Severity
    where: str
    what: str
    to_do: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All findings, in the order of the checks."""

    project: str
    environments: tuple[str, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """How many of them are so."""
        return sum(each.severity == severity for each in self.findings)


@dataclass(frozen=True)
class Unknown:
    """What could not be looked at. `absent`: because it is not there."""

    why: str
    to_do: str
    absent: bool = False


Seen: TypeAlias = Seen_ | Unknown


class Says:
    """One check's findings about one thing after another; says `ok` of those that it said nothing else of."""

    def __init__(self, check: str) -> None:
        self.check = check

    def problem(self, where: str, what: str, to_do: str) -> Finding:
        """Something does not work, or will not when it is needed."""
        return Finding(check=self.check, severity="problem", where=where, what=what, to_do=to_do)

    def warning(self, where: str, what: str, to_do: str) -> Finding:
        """It works, and somebody should know."""
        return Finding(check=self.check, severity="warning", where=where, what=what, to_do=to_do)

    def unknown(self, where: str, seen: Unknown) -> Finding:
        """It could not be looked at."""
        return Finding(check=self.check, severity="unknown", where=where, what=seen.why, to_do=seen.to_do)

    def or_ok(self, found: Iterable[Finding], where: str, what: str) -> Iterator[Finding]:
        """The findings, or that all is well where there is none."""
        empty = True
        for each in found:
            empty = False
            yield each
        if empty:
            yield Finding(check=self.check, severity="ok", where=where, what=what)
