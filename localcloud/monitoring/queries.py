"""A query of time series: filter, interval, aggregations -> series with points, newest first."""

from __future__ import annotations

from typing import Any

from localcloud.expressions import Term
from localcloud.monitoring import aligning, filters
from localcloud.monitoring.descriptors import RESOURCES, metric_descriptors
from localcloud.monitoring.refusals import invalid, no_metric
from localcloud.monitoring.series import Series, SeriesStore
from localcloud.monitoring.times import seconds
from localcloud.world import World

_COMBINATION = (
    "The supplied filter does not specify a valid combination of metric and monitored resource descriptors. "
    "The query will not return any time series."
)
MIN_PERIOD = 60.0


def understand(world: World, project: str, text: str, *, field: str) -> Term:
    """A filter that names one metric type there is, and resources that have it."""
    term = filters.read(text, field=field)
    named = filters.restricts(term, "metric.type")
    if not named:
        raise invalid(
            field,
            text,
            'must specify a restriction on "metric.type" in the filter; see '
            '"https://cloud.google.com/monitoring/api/metrics" for a list of available metric types.',
        )
    if len(named) > 1 and len({each.values for each in named}) > 1:
        raise invalid(field, text, "The filter must specify a single metric type.")
    known = metric_descriptors(world, project)
    wanted = named[0].values[0]
    if not named[0].function and named[0].operator == "=":
        if wanted not in known:
            raise no_metric(wanted)
        for each in filters.restricts(term, "resource.type"):
            homes = known[wanted].get("monitoredResourceTypes") or list(RESOURCES)
            if each.operator == "=" and not each.function and each.values[0] not in homes:
                raise invalid(field, text, _COMBINATION)
    return term


def check_aggregation(aggregation: dict[str, Any], *, kind: str, value_type: str, field: str = "aggregation") -> None:
    """Refuse an aggregation that makes no sense, alone or for this metric."""
    aligner = aggregation.get("perSeriesAligner", "ALIGN_NONE")
    reducer = aggregation.get("crossSeriesReducer", "REDUCE_NONE")
    period = aggregation.get("alignmentPeriod")
    if aligner != "ALIGN_NONE" and seconds(period) < MIN_PERIOD:
        why = f"The alignment period must be at least {MIN_PERIOD:g} seconds when an aligner is given."
        raise invalid(f"{field}.alignmentPeriod", period or "", why)
    if reducer != "REDUCE_NONE" and aligner == "ALIGN_NONE":
        why = "A cross-series reducer requires a per-series aligner other than ALIGN_NONE."
        raise invalid(f"{field}.crossSeriesReducer", reducer, why)
    if aligner == "ALIGN_NONE":
        return
    rule = aligning.ALIGNERS.get(aligner)
    if rule is None or kind not in rule.kinds or value_type not in rule.types:
        why = f"The aligner cannot be applied to metrics with kind {kind} and value type {value_type}."
        raise invalid(f"{field}.perSeriesAligner", aligner, why)
    aligned = rule.result or value_type
    if reducer != "REDUCE_NONE" and aligned not in aligning.REDUCERS[reducer].types:
        why = f"The reducer cannot be applied to metrics with kind {kind} and value type {aligned}."
        raise invalid(f"{field}.crossSeriesReducer", reducer, why)


class Queries:
    """Answers queries from the stored series. Periods are the world's: compressed time makes them shorter."""

    def __init__(self, world: World, store: SeriesStore) -> None:
        self._world = world
        self._store = store

    def run(
        self, *, project: str, term: Term, start: float, end: float, aggregations: list[dict[str, Any]]
    ) -> list[Series]:
        """The series of an interval, aggregated in turn; `points` are `[start, end, value]`, newest first."""
        found = []
        for series in self._store.of(project):
            if not filters.takes(term, series):
                continue
            points = [each for each in series["points"] if start < each[1] <= end or each[1] == start == end]
            if points:
                found.append({**series, "points": points[::-1]})
        for aggregation in aggregations:
            found = self._aggregate(found, aggregation, start=start, end=end)
        return found

    def _aggregate(self, found: list[Series], aggregation: dict[str, Any], *, start: float, end: float) -> list[Series]:
        aligner = aggregation.get("perSeriesAligner", "ALIGN_NONE")
        for each in found:
            check_aggregation(aggregation, kind=each["metricKind"], value_type=each["valueType"])
        if aligner == "ALIGN_NONE":
            return found
        period = seconds(aggregation["alignmentPeriod"]) / self._world.simulation.speed
        aligned = [_aligned(each, aligner, period=period, start=start, end=end) for each in found]
        reducer = aggregation.get("crossSeriesReducer", "REDUCE_NONE")
        if reducer != "REDUCE_NONE":
            aligned = _reduced(aligned, reducer, aggregation.get("groupByFields", []))
        return [_dated(each, period=period, end=end) for each in aligned if each["windows"]]


def _aligned(series: Series, aligner: str, *, period: float, start: float, end: float) -> Series:
    kind = series["metricKind"]
    windows = aligning.align(series["points"][::-1], aligner=aligner, kind=kind, period=period, start=start, end=end)
    changed = {"ALIGN_DELTA": "DELTA"}.get(aligner, "GAUGE")
    value_type = aligning.ALIGNERS[aligner].result or series["valueType"]
    return {**series, "metricKind": changed, "valueType": value_type, "windows": windows}


def _reduced(many: list[Series], reducer: str, fields: list[str]) -> list[Series]:
    groups: dict[tuple[str | None, ...], list[Series]] = {}
    for each in many:
        groups.setdefault(tuple(filters.value_of(each, field) for field in fields), []).append(each)
    found = []
    for group, members in sorted(groups.items(), key=lambda each: [str(part) for part in each[0]]):
        first = members[0]
        found.append(
            {
                **first,
                "metric": {"type": first["metric"]["type"], **_kept("metric", fields, group)},
                "resource": _kept_resource(first["resource"], fields, group),
                "metadata": {},
                "valueType": aligning.REDUCERS[reducer].result or first["valueType"],
                "windows": aligning.reduce([each["windows"] for each in members], reducer=reducer),
                "members": [{"metric": each["metric"], "resource": each["resource"]} for each in members],
            }
        )
    return found


def _kept(owner: str, fields: list[str], group: tuple[str | None, ...]) -> dict[str, Any]:
    """The labels that the series of a group have in common because they were grouped by."""
    labels = {
        field.split(".", 2)[2]: value
        for field, value in zip(fields, group, strict=True)
        if field.startswith((f"{owner}.label.", f"{owner}.labels.")) and value is not None
    }
    return {"labels": labels} if labels else {}


def _kept_resource(resource: dict[str, Any], fields: list[str], group: tuple[str | None, ...]) -> dict[str, Any]:
    labels = _kept("resource", fields, group).get("labels", {})
    return {"type": resource["type"], "labels": {"project_id": resource["labels"].get("project_id", ""), **labels}}


def _dated(series: Series, *, period: float, end: float) -> Series:
    """Windows as points, newest first."""
    series = dict(series)
    windows = series.pop("windows")
    points = []
    for number in sorted(windows):
        at = end - number * period
        points.append([at - period if series["metricKind"] == "DELTA" else at, at, windows[number]])
    return {**series, "points": points}
