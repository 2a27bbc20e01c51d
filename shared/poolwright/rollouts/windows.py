"""When waves may begin: within a window, where there are any, and never in a freeze."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Protocol
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from poolwright.windows import WEEKDAYS as WEEKDAYS
from poolwright.windows import Window as Window
from poolwright.windows import is_open, minutes_of, zone_of

_AHEAD = 8  # days: a window opens once a week at least, or the clock change of a day hides it, then a week later
_MINUTE = timedelta(minutes=1)


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
    return not windows or any(is_open(window, moment) for window in windows)


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
    zone, begins = zone_of(window.time_zone), minutes_of(window.begins)
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
    return f"{moment.astimezone(zone_of(name)):%Y-%m-%d %H:%M} {name}"
