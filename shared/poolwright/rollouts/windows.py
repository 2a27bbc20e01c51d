"""When waves may begin."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Window(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When waves may begin: on these weekdays, from a time of day until another (the next day's, if earlier)."""

    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    begins: str = "00:00"
    ends: str = "24:00"
    time_zone: str = "UTC"


class Freeze(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When nothing new begins, whatever the windows say."""

    begins: datetime
    ends: datetime
    reason: str = ""
