"""Durations as JSON prints them (`604800s`, `0.5s`)."""

from __future__ import annotations


def seconds_of(duration: str | None, default: float) -> float:
    """Seconds of a JSON duration, or `default` where there is none."""
    return default if not duration else float(duration.removesuffix("s"))
