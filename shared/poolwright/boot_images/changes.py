"""Differences between two templates, fit to be shown: redacted by default, shown by an allowlist."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from poolwright.secret import Secret


@dataclass(frozen=True)
class Change:
    """One key that differs. `before` and `after` are a shown value, or the fingerprint of one that is not shown."""

    key: str
    kind: Literal["added", "removed", "changed"]
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.key}: {self.after}"
        if self.kind == "removed":
            return f"- {self.key}: {self.before}"
        return f"~ {self.key}: {self.before} -> {self.after}"


def differences(
    before: Mapping[str, Secret[str]], after: Mapping[str, Secret[str]], *, shown: Collection[str], prefix: str = ""
) -> tuple[Change, ...]:
    """Every key that differs, in the order of the keys; only values of `shown` keys are readable in it."""

    def text(values: Mapping[str, Secret[str]], key: str) -> str | None:
        if key not in values:
            return None
        return values[key].reveal() if key in shown else str(values[key])

    changes = []
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) == after.get(key):
            continue
        kind: Literal["added", "removed", "changed"] = (
            "added" if key not in before else "removed" if key not in after else "changed"
        )
        changes.append(Change(f"{prefix}{key}", kind, text(before, key), text(after, key)))
    return tuple(changes)
