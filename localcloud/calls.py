"""Every call the stand-in answered, so a test can say "three calls, these three"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

READS = ("get", "list", "aggregated", "batchget", "wait", "read", "watch", "query", "test", "pull", "streaming")
REVIEWS = "accessreviews"  # of Kubernetes: made, answered, and kept nowhere


@dataclass(frozen=True)
class CallRecord:
    """`method` as `service.Method` (`instance_group_managers.Patch`), `params` the request as JSON, `code` HTTP's."""

    host: str
    method: str
    params: dict[str, Any] = field(repr=False)
    code: int
    caller: str = ""

    @property
    def mutating(self) -> bool:
        """Whether the call could have changed the world."""
        return changes(self.method)


def changes(method: str) -> bool:
    """Whether a call of `service.Method` could change the world."""
    service, _, name = method.rpartition(".")
    return not (name.lower().startswith(READS) or service.endswith(REVIEWS))


class CallLog:
    """The calls in the order of their answers."""

    def __init__(self) -> None:
        self._records: list[CallRecord] = []

    def add(self, record: CallRecord) -> None:
        """One more call."""
        self._records.append(record)

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(list(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def mutating(self) -> Iterable[CallRecord]:
        """Calls that changed something: mutating ones that succeeded."""
        return [each for each in self if each.mutating and each.code < 400]
