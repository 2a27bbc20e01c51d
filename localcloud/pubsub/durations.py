"""Durations as JSON prints them (`604800s`, `0.5s`)."""

from __future__ import annotations


def seconds_of(duration: str | None, default: float) -> float:
    """Seconds of a JSON duration, or `default` where there is none."""
    return default if not duration else float(duration.removesuffix("s"))


def duration_of(seconds: float) -> str:
    """Seconds as a JSON duration."""
    return f"{seconds:g}s" if seconds < 1e6 else f"{int(seconds)}s"
