"""Filters on policies and channels (https://cloud.google.com/monitoring/api/v3/sorting-and-filtering)."""

from __future__ import annotations

from typing import Any

from localcloud.expressions import Comparison, FilterError, holds, parse
from localcloud.monitoring import filters
from localcloud.monitoring.refusals import invalid


def takes_named(text: str, resource: dict[str, Any]) -> bool:
    """Whether a filter on policies or channels (`user_labels.team="x" AND display_name:"y"`) takes one."""
    try:
        term = parse(text)
    except FilterError as wrong:
        raise invalid("filter", text, f"Could not parse filter; {wrong}") from None

    def test(each: Comparison) -> bool:
        found = _value(resource, each.field)
        if each.function:
            return filters.function_holds(each, found)
        if each.operator == ":":
            return found is not None and each.values[0] in found
        return (found == each.values[0]) is (each.operator == "=")

    return holds(term, test)


def _value(resource: dict[str, Any], field: str) -> str | None:
    value: Any = resource
    for part in field.split("."):
        head, *rest = part.split("_")
        camel = head + "".join(each.capitalize() for each in rest)
        value = value.get(part, value.get(camel)) if isinstance(value, dict) else None
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
