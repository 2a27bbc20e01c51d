from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poolwright.rollouts.windows import WEEKDAYS, Freeze, Window, closed

# Whoever changes clocks: by an hour, by half an hour (Lord Howe), at midnight (Beirut), whole days (Apia, 2011).
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia")
OFFICE = Window(days=("mon", "tue", "wed", "thu", "fri"), begins="09:00", ends="17:00", time_zone="Europe/Berlin")


@dataclass(frozen=True)
class Policy:
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def freeze(begins: str, ends: str, reason: str = "") -> Freeze:
    return Freeze(begins=datetime.fromisoformat(begins), ends=datetime.fromisoformat(ends), reason=reason)


TIMES = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.builds(
    Window,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True).map(tuple),
    begins=TIMES,
    ends=TIMES | st.just("24:00"),
    time_zone=st.sampled_from(ZONES),
)
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1)).map(lambda when: when.replace(microsecond=0))
# Around the changes of 2026 in Berlin, where the law is most easily broken.
CHANGES = st.builds(
    lambda day, minutes: datetime.fromisoformat(day) + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04", "2026-03-08", "2026-11-01", "2011-12-30"]),
    st.integers(-1440, 2880),
)
FREEZES = st.builds(
    lambda begins, hours: Freeze(
        begins=begins.replace(tzinfo=UTC), ends=(begins + timedelta(hours=hours)).replace(tzinfo=UTC)
    ),
    MOMENTS | CHANGES,
    st.integers(1, 24 * 30),
)


def on_the_wall(window: Window, moment: datetime) -> bool:
    """The law, written minute by minute: walk back to where the window would have begun."""
    local = moment.astimezone(ZoneInfo(window.time_zone)).replace(tzinfo=None, second=0, microsecond=0)
    begins, ends = (timedelta(hours=int(text[:2]), minutes=int(text[3:])) for text in (window.begins, window.ends))
    for back in (0, 1):
        day = datetime.combine(local.date(), datetime.min.time()) - timedelta(days=back)
        end = day + ends if ends > begins else day + ends + timedelta(days=1)
        if WEEKDAYS[day.weekday()] in window.days and day + begins <= local < end:
            return True
    return False


@given(st.lists(WINDOWS, min_size=1, max_size=3).map(tuple), MOMENTS | CHANGES)
def test_a_wave_may_begin_exactly_when_a_clock_on_the_wall_is_within_a_window(
    windows: tuple[Window, ...], when: datetime
) -> None:
    moment = when.replace(tzinfo=UTC)

    assert (closed(Policy(windows), moment.timestamp()) == "") == any(on_the_wall(each, moment) for each in windows)


@given(st.lists(WINDOWS, max_size=2).map(tuple), st.lists(FREEZES, max_size=3).map(tuple), MOMENTS | CHANGES)
@example((OFFICE,), (), datetime(2026, 3, 29, 0, 30))
def test_what_is_closed_says_when_it_opens_and_does_not_open_before(
    windows: tuple[Window, ...], freezes: tuple[Freeze, ...], when: datetime
) -> None:
    policy, now = Policy(windows, freezes), when.replace(tzinfo=UTC)
    said = closed(policy, now.timestamp())
    if not said or "until" not in said:
        return
    _, _, tail = said.partition("until ")
    day, clock, zone = tail.rstrip(".").split(" ")[:3]
    named = {datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)}
    opens = [each.astimezone(UTC) for each in named if each.astimezone(UTC) > now - timedelta(minutes=1)]

    assert any(closed(policy, each.timestamp() + 59) == "" for each in opens)
    step = (min(opens) - now) / 50
    assert all(closed(policy, (now + step * count).timestamp()) for count in range(49))


def test_without_windows_and_freezes_it_is_always_open() -> None:
    assert closed(Policy(), at("2026-11-21T03:00")) == ""


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ("2026-11-20T08:59", "Outside of the windows until 2026-11-20 09:00 Europe/Berlin."),
        ("2026-11-20T09:00", ""),
        ("2026-11-20T16:59", ""),
        ("2026-11-20T17:00", "Outside of the windows until 2026-11-23 09:00 Europe/Berlin."),
        ("2026-12-21T10:00", "Frozen until 2027-01-04 09:00 Europe/Berlin (the holidays)."),
    ],
)
def test_the_sentence_says_why_and_until_when(now: str, says: str) -> None:
    holidays = freeze("2026-12-19T00:00:00+01:00", "2027-01-04T00:00:00+01:00", "the holidays")

    assert closed(Policy((OFFICE,), (holidays,)), at(now)) == says


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = Policy((Window(days=("fri",), begins="22:00", ends="04:00"),))

    assert [bool(closed(night, at(now, "UTC"))) for now in ("2026-11-20T23:00", "2026-11-21T03:59")] == [False, False]
    assert closed(night, at("2026-11-20T03:00", "UTC")).endswith("until 2026-11-20 22:00 UTC.")
    assert closed(night, at("2026-11-21T04:00", "UTC")).endswith("until 2026-11-27 22:00 UTC.")


def test_a_window_in_the_hour_that_is_skipped_opens_a_day_later() -> None:
    skipped = Policy((Window(begins="02:15", ends="02:45", time_zone="Europe/Berlin"),))

    assert closed(skipped, at("2026-03-29T01:59")).endswith("until 2026-03-30 02:15 Europe/Berlin.")
    longer = Policy((Window(begins="02:15", ends="05:00", time_zone="Europe/Berlin"),))
    assert closed(longer, at("2026-03-29T01:59")).endswith("until 2026-03-29 03:00 Europe/Berlin.")


def test_a_window_in_the_hour_that_comes_twice_is_open_twice() -> None:
    twice = Policy((Window(begins="02:15", ends="02:45", time_zone="Europe/Berlin"),))

    assert closed(twice, at("2026-10-25T02:30")) == "" == closed(twice, at("2026-10-25T02:30", fold=1))
    assert closed(twice, at("2026-10-25T02:50")).endswith("until 2026-10-25 02:15 Europe/Berlin.")


def test_freezes_that_follow_each_other_are_one() -> None:
    first = freeze("2026-12-19T00:00:00Z", "2026-12-24T00:00:00Z", "stock-taking")
    second = freeze("2026-12-23T12:00:00Z", "2027-01-02T00:00:00+00:00", "the holidays")

    assert closed(Policy(freezes=(second, first)), at("2026-12-20T00:00", "UTC")) == (
        "Frozen until 2027-01-02 00:00 UTC (stock-taking)."
    )
