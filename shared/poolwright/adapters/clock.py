"""The machine's clock."""

from __future__ import annotations

import time
import uuid


class SystemClock:
    """Real time; ids are random UUIDs, which Compute takes for a `requestId`."""

    def now(self) -> float:
        return time.time()

    def unique(self) -> str:
        return str(uuid.uuid4())
