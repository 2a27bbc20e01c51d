"""A time of the week, as people write it.

It is judged by the clock on the wall of its time zone. So one that lies in the hour that a change to summer time
skips is not open that day, and one in the hour that comes twice is open twice.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from poolwright.shape import Found, problems_of, repeated

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class Window(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A time of the week: on these weekdays, from a time of day until another (the next day's, if not later)."""

    days: Annotated[tuple[Weekday, ...], Meta(description="Days on which it begins.")] = WEEKDAYS
    begins: Annotated[
        str,
        Meta(
            description="Time of day, HH:MM.",
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
            examples=["09:00"],
            extra={"wanted": "a time of day, such as 09:00"},
        ),
    ] = "00:00"
    ends: Annotated[
        str,
        Meta(
            description="Time of day, HH:MM until 24:00; the next day's, if it is not after `begins`.",
            pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
            examples=["17:00"],
            extra={"wanted": "a time of day, such as 17:00 or 24:00"},
        ),
    ] = "24:00"
    time_zone: Annotated[str, Meta(description="Name in the IANA database.", examples=["Europe/Berlin"])] = "UTC"


def is_open(window: Window, moment: datetime) -> bool:
    """Whether the moment, with any offset, lies in it."""
    local = moment.astimezone(zone_of(window.time_zone))
    minutes, begins, ends = local.hour * 60 + local.minute, minutes_of(window.begins), minutes_of(window.ends)
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    if begins < ends:
        return today in window.days and begins <= minutes < ends
    return (today in window.days and begins <= minutes) or (yesterday in window.days and minutes < ends)


@cache
def zone_of(name: str) -> ZoneInfo:
    """A zone of the IANA database. KeyError, OSError, ValueError."""
    return ZoneInfo(name)


def minutes_of(text: str) -> int:
    """Since midnight, from HH:MM."""
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


@problems_of.register
def _(window: Window) -> Found:
    if not window.days:
        yield "days", "the list is empty, so that it never opens; name days, or leave the field out for all"
    yield from repeated("days", window.days)
    if window.begins == window.ends:
        yield "ends", f"it is {window.ends}, as begins is; for whole days begin at 00:00 and end at 24:00", "begins"
    try:
        ZoneInfo(window.time_zone)
    except (KeyError, OSError, ValueError):  # the latter for what is no name at all: a folder, `../x`
        yield "timeZone", f"{window.time_zone!r} is no time zone; {_near(window.time_zone)}"


def _near(zone: str) -> str:
    import difflib
    from zoneinfo import available_timezones

    near = difflib.get_close_matches(zone, available_timezones(), n=1)
    return f"did you mean {near[0]}?" if near else "give one such as Europe/Berlin"
