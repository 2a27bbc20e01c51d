"""Time series in the table `monitoring.timeSeries`, kept for six hours of the world's time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from localcloud.world import World

KEPT_SECONDS = 6 * 3600.0
Series = dict[str, Any]


class SeriesStore:
    """A series is `{project, metric, resource, metadata, metricKind, valueType, points}`.

    `points` are `[start, end, value]` in seconds since the epoch, oldest first; a gauge's start is its end.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _table(self) -> dict[str, Series]:
        return self._world.table("monitoring.timeSeries")

    def write(self, series: Series, *, at: float, value: Any, start: float | None = None) -> None:
        """One more point; what is too old is forgotten."""
        key = key_of(series)
        held = self._table.setdefault(key, {**series, "points": []})
        held["points"].append([at if start is None else start, at, value])
        oldest = self._world.simulation.now() - KEPT_SECONDS / self._world.simulation.speed
        while held["points"][0][1] < oldest and len(held["points"]) > 1:
            held["points"].pop(0)

    def last(self, series: Series) -> float | None:
        """When the series' newest point ended."""
        held = self._table.get(key_of(series))
        return held["points"][-1][1] if held else None

    def of(self, project: str) -> Iterator[Series]:
        """A project's series, in a steady order."""
        for key in sorted(self._table):
            if self._table[key]["project"] == project:
                yield self._table[key]

    def forget_old(self) -> None:
        """Drop the series that nobody has written to for so long that no point is kept."""
        oldest = self._world.simulation.now() - KEPT_SECONDS / self._world.simulation.speed
        for key in [key for key, each in self._table.items() if each["points"][-1][1] < oldest]:
            del self._table[key]

    def forget_metric(self, project: str, metric_type: str) -> None:
        """All series of a metric whose descriptor was deleted."""
        gone = [
            key
            for key, each in self._table.items()
            if each["project"] == project and each["metric"]["type"] == metric_type
        ]
        for key in gone:
            del self._table[key]


def key_of(series: Series) -> str:
    """What tells one series from another."""
    parts = [series.get("project", ""), series["metric"], series["resource"]]
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))
