"""Monitoring filters: which time series a query or a condition is about.

https://cloud.google.com/monitoring/api/v3/filters
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from localcloud.expressions import Comparison, FilterError, Term, comparisons, holds, parse
from localcloud.monitoring.refusals import invalid

Lookup = Callable[[str], str | None]
_FIELD = re.compile(
    r"project|metric\.type|resource\.type|group\.id|"
    r"(?:metric|resource)\.labels?\.[A-Za-z_][\w./-]*|metadata\.(?:user|system)_labels\.[\w./-]+"
)
_FUNCTIONS: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
    "starts_with": lambda found, wanted: found.startswith(wanted[0]),
    "ends_with": lambda found, wanted: found.endswith(wanted[0]),
    "has_substring": lambda found, wanted: wanted[0] in found,
    "one_of": lambda found, wanted: found in wanted,
    "monitoring.regex.full_match": lambda found, wanted: re.fullmatch(wanted[0], found) is not None,
}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def read(text: str, *, field: str) -> Term:
    """A filter, understood. `field` is where it stood, for the refusal."""
    try:
        term = parse(text)
    except FilterError as wrong:
        raise invalid(field, text, f'Could not parse filter "{_escaped(text)}"; {wrong}') from None
    for each in comparisons(term):
        if not _FIELD.fullmatch(each.field):
            raise invalid(field, text, f'The filter contains an unknown selector "{each.field}".')
        if each.function and each.function not in _FUNCTIONS:
            raise invalid(field, text, f'The function "{each.function}" is not supported in filters.')
        if each.function == "monitoring.regex.full_match":
            _check_pattern(each.values[0], text, field)
        if each.operator in ("=~", "!~"):
            raise invalid(field, text, f'Could not parse filter "{_escaped(text)}"; unknown operator {each.operator}')
    return term


def restricts(term: Term, name: str) -> list[Comparison]:
    """The comparisons of one field."""
    return [each for each in comparisons(term) if each.field == name]


def takes(term: Term, series: dict[str, Any]) -> bool:
    """Whether a filter takes a time series (as the API writes them)."""

    def test(each: Comparison) -> bool:
        found = value_of(series, each.field)
        if each.function:
            return function_holds(each, found)
        if each.operator in _ORDER:
            return _compare(found, each)
        if each.operator == ":":
            return found is not None and each.values[0] in found
        return (found == each.values[0]) is (each.operator == "=")

    return holds(term, test)


def function_holds(each: Comparison, found: str | None) -> bool:
    """A comparison with a function, on the value found."""
    hit = found is not None and _FUNCTIONS[each.function](found, each.values)
    return hit if each.operator in ("=", ":") else not hit


def value_of(series: dict[str, Any], field: str) -> str | None:
    """What a series has under `metric.type`, `resource.labels.zone`, ...; None where nothing."""
    head, _, rest = field.partition(".")
    if head == "project":
        return str(series["resource"]["labels"].get("project_id", ""))
    kind, _, name = rest.partition(".")
    owner = series.get(head, {})
    if kind == "type":
        return str(owner.get("type", ""))
    labels = owner.get("labels", {}) if kind in ("label", "labels") else owner.get(_camel(kind), {})
    found = labels.get(name)
    return None if found is None else str(found)


def _compare(found: str | None, each: Comparison) -> bool:
    try:
        return _ORDER[each.operator](float(found or "nan"), float(each.values[0]))
    except ValueError:
        return False


def _check_pattern(pattern: str, text: str, field: str) -> None:
    try:
        re.compile(pattern)
    except re.error as wrong:
        raise invalid(field, text, f'Invalid regular expression "{pattern}": {wrong}.') from None


def _camel(name: str) -> str:
    return {"user_labels": "userLabels", "system_labels": "systemLabels"}.get(name, name)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
