"""What goes wrong in the stand-in, switched on by a world file or a test.

A fault names a method (`instance_group_managers.Patch`, `*` for all), how often it strikes (`every`: 0.2 is one in
five, by the world's seeded dice; `times`: at most so many), and what happens: an error status, or a late answer;
`after_effect` lets the call act first, which is how a lost answer looks.
"""

from __future__ import annotations

import fnmatch
import random
from dataclasses import dataclass

from localcloud.errors import GoogleError


@dataclass
class Fault:
    """One way to fail; see the module's text. `delay_seconds` holds the answer back in the machine's own time."""

    method: str = "*"
    status: str = ""
    reason: str = ""
    message: str = ""
    every: float = 1.0
    times: int = -1
    after_effect: bool = False
    delay_seconds: float = 0.0

    def error(self) -> GoogleError:
        """The error this fault answers with."""
        code = 403 if self.reason == "rateLimitExceeded" else None
        text = self.message or f"The service is currently unavailable ({self.reason or self.status})."
        return GoogleError(self.status, text, code=code, reason=self.reason or None, domain="usageLimits")


class Faults:
    """The faults in force."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        self.faults.append(fault)

    def clear(self) -> None:
        """All is well again."""
        self.faults.clear()

    def strike(self, method: str) -> Fault | None:
        """The fault that hits this call, if one does."""
        for fault in self.faults:
            if not fnmatch.fnmatch(method, fault.method) or fault.times == 0:
                continue
            if self._dice.random() < fault.every:
                fault.times -= 1 if fault.times > 0 else 0
                return fault
        return None
