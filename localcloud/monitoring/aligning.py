"""Alignment and reduction of points: pure arithmetic.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#aggregation
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Point = list[Any]
Operation = Callable[[Sequence[float]], float]
_NUMBERS = ("INT64", "DOUBLE")


def percentile(share: float) -> Operation:
    """The value below which `share` of the values lie, interpolated."""

    def of(values: Sequence[float]) -> float:
        ordered = sorted(values)
        place = (len(ordered) - 1) * share
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return of


@dataclass(frozen=True)
class Rule:
    """One aligner or reducer: what it computes, of which metrics, and the type of its result ("": as its input)."""

    operation: Operation
    result: str = ""
    kinds: tuple[str, ...] = ("GAUGE", "DELTA")
    types: tuple[str, ...] = _NUMBERS


def _count(values: Sequence[float]) -> float:
    return len(values)


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)


_COMMON = {
    "MIN": Rule(min),
    "MAX": Rule(max),
    "MEAN": Rule(_mean, "DOUBLE"),
    "COUNT": Rule(_count, "INT64", types=(*_NUMBERS, "BOOL", "STRING", "DISTRIBUTION")),
    "SUM": Rule(sum),
    "STDDEV": Rule(statistics.pstdev, "DOUBLE"),
    "COUNT_TRUE": Rule(lambda values: sum(map(bool, values)), "INT64", types=("BOOL",)),
    "COUNT_FALSE": Rule(lambda values: sum(not each for each in values), "INT64", types=("BOOL",)),
    "FRACTION_TRUE": Rule(lambda values: _mean([bool(each) for each in values]), "DOUBLE", types=("BOOL",)),
}
_PERCENTILES = {"99": 0.99, "95": 0.95, "50": 0.5, "05": 0.05}
REDUCERS = {
    **{f"REDUCE_{name}": rule for name, rule in _COMMON.items()},
    **{f"REDUCE_PERCENTILE_{name}": Rule(percentile(share), "DOUBLE") for name, share in _PERCENTILES.items()},
}
ALIGNERS = {
    **{
        f"ALIGN_{name}": Rule(
            rule.operation, rule.result, ("GAUGE",) if rule.types == ("BOOL",) else rule.kinds, rule.types
        )
        for name, rule in _COMMON.items()
    },
    "ALIGN_NEXT_OLDER": Rule(lambda values: values[-1], "", ("GAUGE",), (*_NUMBERS, "BOOL", "STRING")),
    "ALIGN_DELTA": Rule(sum, "", ("CUMULATIVE", "DELTA")),
    "ALIGN_RATE": Rule(sum, "DOUBLE", ("CUMULATIVE", "DELTA")),
    "ALIGN_PERCENT_CHANGE": Rule(_mean, "DOUBLE"),
}


def align(
    points: Sequence[Point], *, aligner: str, kind: str, period: float, start: float, end: float
) -> dict[int, float]:
    """Points in windows of `period` that end at `end`: number of the window (0 is the newest) -> value.

    Only windows that end after `start` and have a point are there.
    """
    changes = increments(points) if kind == "CUMULATIVE" else points
    windows: dict[int, list[float]] = {}
    for _, at, value in changes:
        number = math.floor((end - at) / period)
        if number >= 0 and end - number * period > start:
            windows.setdefault(number, []).append(value)
    values = {number: ALIGNERS[aligner].operation(each) for number, each in windows.items()}
    if aligner == "ALIGN_RATE":
        return {number: each / period for number, each in values.items()}
    if aligner == "ALIGN_PERCENT_CHANGE":
        return {number: _change(values[number + 1], each) for number, each in values.items() if number + 1 in values}
    return values


def reduce(many: Sequence[dict[int, float]], *, reducer: str) -> dict[int, float]:
    """Several aligned series as one."""
    numbers = sorted({number for each in many for number in each})
    operation = REDUCERS[reducer].operation
    return {number: operation([each[number] for each in many if number in each]) for number in numbers}


def increments(points: Sequence[Point]) -> list[Point]:
    """A cumulative series as what was added at each point; a new start means counting began again."""
    found = []
    before: Point | None = None
    for start, at, value in points:
        again = before is None or start != before[0]
        if before is not None:
            found.append([before[1], at, value if again else value - before[2]])
        before = [start, at, value]
    return found


def _change(previous: float, current: float) -> float:
    if previous == 0:
        return 0.0 if current == 0 else math.inf
    return (current - previous) / previous * 100
