"""Alignment and reduction of points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.monitoring.aligning import align, increments, percentile, reduce

VALUES = st.lists(st.integers(0, 100), min_size=1, max_size=30)


def gauge(values: list[int], *, every: float = 60.0) -> list[list[float]]:
    return [[every * number, every * number, value] for number, value in enumerate(values, start=1)]


@given(VALUES)
def test_the_sum_over_windows_is_the_sum_over_points(values: list[int]) -> None:
    windows = align(gauge(values), aligner="ALIGN_SUM", kind="GAUGE", period=120, start=0, end=60 * len(values))
    assert sum(windows.values()) == sum(values)


@given(VALUES)
def test_the_mean_lies_between_the_least_and_the_most(values: list[int]) -> None:
    given_ = {"kind": "GAUGE", "period": 180, "start": 0, "end": 60 * len(values)}
    low, mean, high = (align(gauge(values), aligner=f"ALIGN_{name}", **given_) for name in ("MIN", "MEAN", "MAX"))  # type: ignore[arg-type]
    assert low.keys() == mean.keys() == high.keys()
    assert all(low[each] <= mean[each] + 1e-9 and mean[each] <= high[each] + 1e-9 for each in mean)


@given(VALUES)
def test_reducing_one_series_changes_nothing(values: list[int]) -> None:
    series = dict(enumerate(map(float, values)))
    for reducer in ("REDUCE_MEAN", "REDUCE_MAX", "REDUCE_SUM", "REDUCE_PERCENTILE_95"):
        assert reduce([series], reducer=reducer) == pytest.approx(series)


def test_a_window_ends_at_the_interval_s_end_and_holds_its_last_moment() -> None:
    windows = align(gauge([1, 2, 3]), aligner="ALIGN_COUNT", kind="GAUGE", period=120, start=0, end=180)
    assert windows == {0: 2, 1: 1}


def test_a_counter_that_begins_again_is_not_negative() -> None:
    points = [[0.0, 60.0, 5], [0.0, 120.0, 9], [130.0, 180.0, 2]]
    assert [value for *_, value in increments(points)] == [4, 2]


@given(VALUES)
def test_a_percentile_is_one_of_the_range(values: list[int]) -> None:
    assert min(values) <= percentile(0.5)(values) <= max(values)
