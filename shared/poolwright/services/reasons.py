"""Why things are as they are: one reason a paragraph, however many instance groups share it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_GKE_HASH = re.compile(r"-[0-9a-f]{8}\b")  # in which the names of one pool's groups and templates differ


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """A reason, of a kind, and the groups that it holds for; it may name one of them."""

    kind: str
    reason: str
    groups: tuple[str, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """The groups that the reason does not name."""
        return tuple(name for name in self.groups if name not in self.reason)


def shared(said: Iterable[tuple[str, str, str]]) -> tuple[Shared, ...]:
    """(kind, reason in a sentence, group) -> each reason once, in the order in which they come first."""
    same: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for kind, reason, group in said:
        same.setdefault((kind, _GKE_HASH.sub("", reason)), (reason, []))[1].append(group)
    return tuple(Shared(kind=kind, reason=reason, groups=tuple(groups)) for (kind, _), (reason, groups) in same.items())
