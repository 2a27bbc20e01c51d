"""Columns of custom resources: the additionalPrinterColumns of their definition.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns
"""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.kubernetes.columns import Cell, Column, age_of, of

Json = dict[str, Any]

_STEP = re.compile(
    r"""
    \.(?P<name>(?:[^.\[\\]|\\.)+)
    | \[(?P<index>\*|-?\d+)\]
    | \['(?P<quoted>[^']+)'\]
    | \[\?\(@\.(?P<field>[\w.-]+)\s*==\s*["'](?P<equal>[^"']*)["']\)\]
    """,
    re.VERBOSE,
)


def of_version(version: Json) -> list[Column]:
    """Name, then what the definition lists; name and age when it lists nothing."""
    name, age = of("")
    listed = version.get("additionalPrinterColumns") or ()
    if not listed:
        return [name, age]
    return [name, *(_column(item) for item in listed)]


def _column(item: Json) -> Column:
    return Column(
        item["name"], _cell(item["jsonPath"], item["type"]), item["type"], item.get("priority", 0),
        item.get("format", ""), item.get("description", ""),
    )  # fmt: skip


def _cell(path: str, wanted: str) -> Cell:
    def shown(obj: Json, now: float) -> Any:
        found = find(obj, path)
        if not found:
            return None
        if wanted == "date":
            return age_of(found[0], now)
        if wanted == "integer":
            return int(found[0]) if isinstance(found[0], int | float) else None
        if wanted in ("number", "boolean"):
            return found[0]
        return ",".join(value if isinstance(value, str) else json.dumps(value) for value in found)

    return shown


def find(obj: Any, path: str) -> list[Any]:
    """The values at a JSONPath of the kind definitions use: `.a.b[0].c`, `.a[?(@.type=="x")].b`, `.a[*]`."""
    found = [obj]
    for match in _STEP.finditer(path.strip("{}")):
        found = [value for item in found for value in _step(item, match)]
    return [value for value in found if value is not None]


def _step(item: Any, match: re.Match[str]) -> list[Any]:
    if name := match["name"] or match["quoted"]:
        plain = name.replace("\\.", ".")
        return [item[plain]] if isinstance(item, dict) and plain in item else []
    if not isinstance(item, list):
        return []
    if match["field"]:
        return [entry for entry in item if find(entry, "." + match["field"]) == [match["equal"]]]
    if match["index"] == "*":
        return item
    index = int(match["index"])
    return [item[index]] if -len(item) <= index < len(item) else []
