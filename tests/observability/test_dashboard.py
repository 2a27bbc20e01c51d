"""The dashboard is one that Cloud Monitoring takes, and shows every metric that there is."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud.monitoring_dashboard_v1.types import Dashboard
from google.protobuf.json_format import ParseDict, ParseError

from localcloud.expressions import parse
from tests.observability import module
from tests.observability.test_alerts import METRICS, OURS, check_query

Json = dict[str, Any]
DASHBOARD = module.dashboard()
TILES: list[Json] = DASHBOARD["mosaicLayout"]["tiles"]


def queries() -> Iterator[Json]:
    """Every query of time series, with its filter and aggregation."""
    for tile in TILES:
        for data in tile["widget"].get("xyChart", {}).get("dataSets", []):
            yield data["timeSeriesQuery"]["timeSeriesFilter"]


def test_it_is_a_dashboard_as_monitoring_knows_it() -> None:
    made = ParseDict(DASHBOARD, Dashboard.pb()())
    assert made.display_name == "poolwright"
    assert len(made.mosaic_layout.tiles) == len(TILES)


def test_a_field_that_monitoring_does_not_know_is_found() -> None:
    wrong = copy.deepcopy(DASHBOARD)
    wrong["mosaicLayout"]["tiles"][1]["widget"]["xyChart"]["colour"] = "red"
    with pytest.raises(ParseError, match="colour"):
        ParseDict(wrong, Dashboard.pb()())


def test_every_query_is_about_a_metric_and_labels_that_there_are() -> None:
    for query in queries():
        check_query(query["filter"], query["aggregation"])


def test_every_metric_is_shown() -> None:
    shown = "\n".join(query["filter"] for query in queries())
    assert [name for name, each in METRICS.items() if f'"{OURS}{each["name"]}"' not in shown] == []


def test_a_legend_names_what_its_series_are_grouped_by() -> None:
    for tile in TILES:
        for data in tile["widget"].get("xyChart", {}).get("dataSets", []):
            fields = data["timeSeriesQuery"]["timeSeriesFilter"]["aggregation"]["groupByFields"]
            assert all(f"${{{each.replace('.label.', '.labels.')}}}" in data["legendTemplate"] for each in fields)


def test_tiles_lie_side_by_side() -> None:
    def cells(tile: Json) -> set[tuple[int, int]]:
        columns = range(tile["xPos"], tile["xPos"] + tile["width"])
        return set(itertools.product(columns, range(tile["yPos"], tile["yPos"] + tile["height"])))

    for one, other in itertools.combinations(TILES, 2):
        assert not cells(one) & cells(other), (one["widget"]["title"], other["widget"]["title"])
    assert max(tile["xPos"] + tile["width"] for tile in TILES) <= DASHBOARD["mosaicLayout"]["columns"] == 48


def test_the_log_panel_asks_what_logging_understands() -> None:
    (panel,) = (tile["widget"]["logsPanel"] for tile in TILES if "logsPanel" in tile["widget"])
    parse(panel["filter"])
