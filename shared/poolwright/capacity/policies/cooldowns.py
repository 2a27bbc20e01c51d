"""A change of capacity is left to show what it does before the next one."""

from __future__ import annotations

from datetime import UTC, datetime

from poolwright.capacity.provisioner import Spec


def grows_again(spec: Spec, *, grown_at: float) -> float:
    """When nodes may be added: the first moment, in seconds since the epoch."""
    return grown_at + spec.cooldowns.scale_up_seconds


def shrinks_again(spec: Spec, *, grown_at: float, shrunk_at: float) -> float:
    """When nodes may be taken away: a node that was just added has not had its chance yet either."""
    return max(grown_at, shrunk_at) + spec.cooldowns.scale_down_seconds


def clock(moment: float) -> str:
    """`2026-11-21 14:05:00 UTC`: a reason that counted seconds down would be another one each time."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
