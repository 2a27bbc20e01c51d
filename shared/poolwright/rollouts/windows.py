"""When waves may begin: within a window, where there are any, and never in a freeze.

A window is judged by the clock on the wall of its time zone. So one that lies in the hour that a change to summer time
skips is not open that day, and one in the hour that comes twice is open twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Literal, Protocol, get_args
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

_AHEAD = 8  # days: a window opens once a week at least, or the clock change of a day hides it, then a week later
_MINUTE = timedelta(minutes=1)


class Window(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When waves may begin: on these weekdays, from a time of day until another (the next day's, if not later)."""

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


class Freeze(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When nothing new begins, whatever the windows say."""

    begins: Annotated[datetime, Meta(description="First moment, with its offset.", tz=True)]
    ends: Annotated[datetime, Meta(description="First moment after it, with its offset.", tz=True)]
    reason: Annotated[str, Meta(description="Why, for people.")] = ""


class Policy(Protocol):
    """The part of an environment's rollout policy that is about time."""

    @property
    def windows(self) -> tuple[Window, ...]: ...
    @property
    def freezes(self) -> tuple[Freeze, ...]: ...


def closed(policy: Policy, now: float) -> str:
    """Empty when a wave may begin at `now` (seconds since the epoch), else a sentence: why not, and until when."""
    moment = datetime.fromtimestamp(now, UTC)
    frozen = _freeze(policy.freezes, moment)
    if frozen is None and _open(policy.windows, moment):
        return ""
    opens = _opens(policy, moment)
    until = f"until {_shown(opens, policy.windows)}" if opens else "and no window opens within the days ahead"
    if frozen is None:
        return f"Outside of the windows {until}."
    return f"Frozen {until}{f' ({frozen.reason})' if frozen.reason else ''}."


def _freeze(freezes: Iterable[Freeze], moment: datetime) -> Freeze | None:
    """Of those that hold now the one that holds longest."""
    holding = [each for each in freezes if each.begins <= moment < each.ends]
    return max(holding, key=lambda each: each.ends, default=None)


def _open(windows: tuple[Window, ...], moment: datetime) -> bool:
    return not windows or any(_is_open(window, moment) for window in windows)


def _is_open(window: Window, moment: datetime) -> bool:
    local = moment.astimezone(_zone(window.time_zone))
    minutes, begins, ends = local.hour * 60 + local.minute, _minutes(window.begins), _minutes(window.ends)
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    if begins < ends:
        return today in window.days and begins <= minutes < ends
    return (today in window.days and begins <= minutes) or (yesterday in window.days and minutes < ends)


def _opens(policy: Policy, moment: datetime) -> datetime | None:
    """When a wave may begin next; None where that is more than days away from the end of the last freeze."""
    found: datetime | None = moment
    for _ in range(len(policy.freezes) + 1):
        found = _window_opens(policy.windows, found) if found else None
        frozen = _freeze(policy.freezes, found) if found else None
        if not found or not frozen:
            return found
        found = frozen.ends.astimezone(UTC)
    return None


def _window_opens(windows: tuple[Window, ...], moment: datetime) -> datetime | None:
    if _open(windows, moment):
        return moment
    candidates = (each for window in windows for each in _beginnings(window, moment))
    return min((each for each in candidates if each > moment and _open(windows, each)), default=None)


def _beginnings(window: Window, moment: datetime) -> Iterator[datetime]:
    """Moments at which it may turn open: its own beginning, on a clock that shows it twice both times, and where the
    clock is changed."""
    zone, begins = _zone(window.time_zone), _minutes(window.begins)
    today = moment.astimezone(zone).date()
    for days in range(-1, _AHEAD + 1):
        day = today + timedelta(days=days)
        for fold in (0, 1):
            local = datetime.combine(day, time(begins // 60, begins % 60), zone)
            yield local.replace(fold=fold).astimezone(UTC)
        yield from _clock_change(zone, day)


def _clock_change(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """The first moment of a new offset from UTC, if the day or the one after has one."""
    low = datetime.combine(day, time(), zone).astimezone(UTC)
    high = low + timedelta(days=1, hours=2)
    offset = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == offset:
        return
    while high - low > _MINUTE:
        middle = low + (high - low) // 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
    yield high.replace(second=0, microsecond=0)


def _shown(moment: datetime, windows: tuple[Window, ...]) -> str:
    """In the time zone of the first window, which is the reader's most likely."""
    name = windows[0].time_zone if windows else "UTC"
    return f"{moment.astimezone(_zone(name)):%Y-%m-%d %H:%M} {name}"


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
