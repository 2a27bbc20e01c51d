"""The machine's clock."""

from __future__ import annotations

import time
import uuid


class SystemClock:
    """Real time, random ids."""

    def now(self) -> float:
        return time.time()

    def unique(self) -> str:
        return uuid.uuid4().hex
