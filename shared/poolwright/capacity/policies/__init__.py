"""Rules of capacity, one file each. What they have in common: an Ask, and when there would be one.

`asks(...) -> Ask | None` says what the rule asks for now. `watches(...) -> str` says in words what would make it ask,
empty where the provisioner does not have the rule. How asks become a decision: docs/designs/how-capacity-is-decided.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class Ask:
    """`members` that a rule asks for: all groups together, those out of service included. `would_change_if`: what
    would end the ask."""

    members: int
    reason: str
    would_change_if: str


def nodes(count: int) -> str:
    """`1 node`, `2 nodes`."""
    return counted(count, "node")


def counted(count: int, thing: str) -> str:
    """A number and its thing, in the plural where it is not one."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def some(things: Sequence[str], *, between: str = ", ") -> str:
    """The first few, and how many more there are."""
    more = len(things) - _SHOWN
    return between.join((*things[:_SHOWN], *([f"and {more} more"] if more > 0 else ())))
