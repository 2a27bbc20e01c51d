"""Log lines as Cloud Logging makes entries of them, and what log-based metrics make of these."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from localcloud.expressions import Comparison, holds, parse
from poolwright import metrics

Json = dict[str, Any]
_EXTRACT = re.compile(r"EXTRACT\(([\w.]+)\)")
_SPECIAL = ("severity", "time", "timestamp", "httpRequest")


def written() -> dict[str, inspect.Signature]:
    """Name -> parameters of each metric that the code has."""
    found = inspect.getmembers(metrics, inspect.isfunction)
    return {name: inspect.signature(each) for name, each in found if not name.startswith("_")}


def entry(line: Json, *, service: str = "poolwright-step") -> Json:
    """The entry of a line that a function printed
    (https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields)."""
    kept = {k: v for k, v in line.items() if k not in _SPECIAL and not k.startswith("logging.googleapis.com/")}
    resource = {"type": "cloud_run_revision", "labels": {"service_name": service}}
    return {"severity": line["severity"], "resource": resource, "jsonPayload": kept}


def at(found: Json, path: str) -> Any:
    """What stands at `a.b.c`, None where nothing does."""
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def takes(filter_: str, found: Json) -> bool:
    """Whether a Logging filter takes an entry; = and =~ are understood
    (https://cloud.google.com/logging/docs/view/logging-query-language)."""

    def test(each: Comparison) -> bool:
        value = at(found, each.field)
        if each.operator == "=":
            return isinstance(value, str) and value.lower() == each.values[0].lower()
        assert each.operator == "=~", f"not understood: {each}"
        return isinstance(value, str) and re.search(each.values[0], value) is not None

    return holds(parse(filter_), test)


def labels(metric: Json, found: Json) -> dict[str, Any]:
    """The labels that a metric takes from an entry."""
    return {name: _extracted(how, found) for name, how in metric["label_extractors"].items()}


def number(metric: Json, found: Json) -> float:
    """What a metric measures of an entry, 1 where it counts."""
    return float(_extracted(metric["value_extractor"], found)) if "value_extractor" in metric else 1.0


def of(metrics_: dict[str, Json], lines: Iterable[Json]) -> list[tuple[str, dict[str, Any], float]]:
    """(metric, labels, number) of every line that a metric takes."""
    entries = [entry(line) for line in lines]
    return [
        (name, labels(each, found), number(each, found))
        for found in entries
        for name, each in metrics_.items()
        if takes(each["filter"], found)
    ]


def _extracted(how: str, found: Json) -> Any:
    told = _EXTRACT.fullmatch(how)
    assert told, how
    return at(found, told[1])
