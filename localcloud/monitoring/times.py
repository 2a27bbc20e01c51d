"""Timestamps and durations of proto JSON as seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def epoch(timestamp: str) -> float:
    """Seconds since the epoch; nanoseconds are cut to microseconds."""
    return datetime.fromisoformat(_FRACTION.sub(r".\1", timestamp).replace("Z", "+00:00")).timestamp()


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    moment = datetime.fromtimestamp(seconds, UTC)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def seconds(duration: str | None) -> float:
    """A duration (`60s`) in seconds; 0 where there is none."""
    return float(duration.removesuffix("s")) if duration else 0.0
