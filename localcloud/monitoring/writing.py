"""Writing of custom metrics: `timeSeries.create`.

https://cloud.google.com/monitoring/custom-metrics/creating-metrics#writing-ts
"""

from __future__ import annotations

from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.monitoring.descriptors import CUSTOM, RESOURCES, metric_descriptors, own_descriptors
from localcloud.monitoring.metrics import project_of
from localcloud.monitoring.refusals import invalid, missing
from localcloud.monitoring.series import Series, SeriesStore
from localcloud.monitoring.values import interval_of, plain_value
from localcloud.world import World

MAX_SERIES = 200
_FAILED = "One or more TimeSeries could not be written: "


class Writing:
    """All of a request is checked before any of it is written."""

    def __init__(self, world: World, store: SeriesStore) -> None:
        self._world = world
        self._store = store

    def create_time_series(self, call: Call) -> Answer:
        project = project_of(self._world, call.params.get("name", ""), "monitoring.timeSeries.create")
        many = call.params.get("timeSeries", [])
        if not many:
            raise missing("timeSeries")
        if len(many) > MAX_SERIES:
            raise invalid("timeSeries", "", f"{len(many)} TimeSeries were provided, the limit is {MAX_SERIES}.")
        prepared = [self._prepared(project, each, index) for index, each in enumerate(many)]
        for series, start, end, value in prepared:
            self._describe(project, series)
            self._store.write(series, at=end, value=value, start=start)
        return {}

    def _prepared(self, project: str, given: dict[str, Any], index: int) -> tuple[Series, float, float, Any]:
        field = f"timeSeries[{index}]"
        kind = given.get("metric", {}).get("type", "")
        if not kind.startswith(CUSTOM):
            raise invalid(f"{field}.metric.type", kind, "Only custom metrics can be written.")
        points = given.get("points", [])
        if len(points) != 1:
            raise invalid(f"{field}.points", "", "Only one point can be written per TimeSeries per request.")
        if "endTime" not in points[0].get("interval", {}):
            raise missing(f"{field}.points[0].interval.endTime")
        value_type, value = plain_value(points[0].get("value", {}))
        if not value_type:
            raise missing(f"{field}.points[0].value")
        series = {
            "project": project,
            "metric": {"type": kind, "labels": given["metric"].get("labels", {})},
            "resource": self._resource(project, given.get("resource", {"type": "global"}), field),
            "metadata": given.get("metadata", {}),
            "metricKind": given.get("metricKind", "GAUGE"),
            "valueType": value_type,
        }
        self._check_descriptor(project, series, field)
        start, end = interval_of(points[0]["interval"])
        last = self._store.last(series)
        if last is not None and end <= last:
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"{_FAILED}{series['resource']['type']}{series['metric']}: Points must be written in order. "
                "One or more of the points specified had an older end time than the most recent point.",
            )
        return series, start, end, value

    def _resource(self, project: str, resource: dict[str, Any], field: str) -> dict[str, Any]:
        kind = resource.get("type", "")
        if kind not in RESOURCES:
            raise invalid(f"{field}.resource.type", kind, f'Unrecognized resource type "{kind}".')
        for name in resource.get("labels", {}):
            if name not in RESOURCES[kind][1]:
                raise invalid(f"{field}.resource.labels", name, f"unrecognized resource label: {name}")
        return {"type": kind, "labels": {**resource.get("labels", {}), "project_id": project}}

    def _check_descriptor(self, project: str, series: Series, field: str) -> None:
        known = metric_descriptors(self._world, project).get(series["metric"]["type"])
        for name in ("metricKind", "valueType") if known else ():
            if known and known[name] != series[name]:
                why = f"The {name} does not match the metric descriptor's, {known[name]}."
                raise invalid(f"{field}.{name}", series[name], why)

    def _describe(self, project: str, series: Series) -> None:
        """A metric written for the first time gets a descriptor."""
        kind = series["metric"]["type"]
        if kind in metric_descriptors(self._world, project):
            return
        name = f"projects/{project}/metricDescriptors/{kind}"
        own_descriptors(self._world)[name] = {
            "name": name,
            "type": kind,
            "metricKind": series["metricKind"],
            "valueType": series["valueType"],
            "labels": [{"key": each} for each in sorted(series["metric"]["labels"])],
            "monitoredResourceTypes": list(RESOURCES),
        }
