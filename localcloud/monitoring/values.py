"""Points and series between what is stored and the JSON of the API."""

from __future__ import annotations

from typing import Any

from localcloud.monitoring.series import Series
from localcloud.monitoring.times import epoch, timestamp

_FIELDS = {
    "INT64": "int64Value",
    "DOUBLE": "doubleValue",
    "BOOL": "boolValue",
    "STRING": "stringValue",
    "DISTRIBUTION": "distributionValue",
}


def typed_value(value: Any, value_type: str) -> dict[str, Any]:
    """`{"int64Value": "5"}`."""
    if value_type == "INT64":
        return {"int64Value": str(round(value))}
    if value_type == "DOUBLE":
        return {"doubleValue": float(value)}
    return {_FIELDS[value_type]: value}


def plain_value(typed: dict[str, Any]) -> tuple[str, Any]:
    """The type and value of a point's `value`."""
    for value_type, name in _FIELDS.items():
        if name in typed:
            value = typed[name]
            return value_type, int(value) if value_type == "INT64" else value
    return "", None


def interval_of(interval: dict[str, Any]) -> tuple[float, float]:
    """Start and end in seconds; without a start it is the end."""
    end = epoch(interval["endTime"])
    return (epoch(interval["startTime"]) if "startTime" in interval else end), end


def as_json(series: Series, *, with_points: bool) -> dict[str, Any]:
    """A series as the API writes it."""
    answer = {name: series[name] for name in ("metric", "resource", "metricKind", "valueType")}
    if series.get("metadata"):
        answer["metadata"] = series["metadata"]
    if with_points:
        answer["points"] = [
            {
                "interval": {"startTime": timestamp(start), "endTime": timestamp(end)},
                "value": typed_value(value, series["valueType"]),
            }
            for start, end, value in series["points"]
        ]
    return answer
