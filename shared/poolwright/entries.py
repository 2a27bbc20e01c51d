"""One line of the audit: what was heard, decided or done, about what, by whose wish and why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Entry:
    """`subject` is the thing it is about, `cause` the message that led to it, `requester` who claims to have asked,
    `before` and `after` what the thing was and is, `at` seconds since the epoch, `environment` empty where it is of
    none. A second entry with the same `once` (default: kind, subject, what, why and cause) is the same happening."""

    kind: str
    subject: str
    what: str
    at: float
    environment: str = ""
    why: str = ""
    cause: str = ""
    requester: str = ""
    before: str = ""
    after: str = ""
    once: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same happening, however often it is told: consumers drop repeats by it."""
        identity = self.once or "|".join([self.kind, self.subject, self.what, self.why, self.cause])
        return hashlib.sha256(f"{self.kind}|{self.subject}|{identity}".encode()).hexdigest()[:32]

    @property
    def body(self) -> dict[str, Any]:
        """As it is stored and published."""
        return {
            **self.details,
            "at": self.at,
            "kind": self.kind,
            "environment": self.environment,
            "subject": self.subject,
            "what": self.what,
            "why": self.why,
            "cause": self.cause,
            "requester": self.requester,
            "before": self.before,
            "after": self.after,
        }
