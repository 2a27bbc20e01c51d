"""What Terraform makes of terraform/modules/poolwright/observability.tf, without terraform: metrics, alerts, dashboard.

Of its language only what that file uses is understood; whatever else stands there is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from localcloud.deployment import SUBSCRIPTIONS

FOLDER = Path(__file__).resolve().parents[2] / "terraform" / "modules" / "poolwright"
DASHBOARD = FOLDER / "dashboards" / "poolwright.json"
Json = dict[str, Any]

_INSIDE = re.compile(r"\$\{([^{}]+)\}")
_CHOICE = re.compile(r'(\S+) == (""|0) \? (.+) : (.+)')
_PUSHED = ", ".join(f'"{each.name}"' for each in sorted(SUBSCRIPTIONS, key=lambda each: each.name))


def metrics() -> dict[str, Json]:
    """Name -> the log-based metric, as projects.metrics#LogMetric with Terraform's names of fields."""
    found = {}
    for key, value in _locals()["metrics"].items():
        each = {"key": key, "value": {name: _value(part, {}) for name, part in value.items()}}
        body = _body(_resource("google_logging_metric", "this"), each)
        labels = each["value"]["labels"]
        assert (
            body["label_extractors"]
            == '{for label in each.value.labels : label => "EXTRACT(jsonPayload.metric.${label})"}'
        )
        found[key] = body | {"label_extractors": {label: f"EXTRACT(jsonPayload.metric.{label})" for label in labels}}
    return found


def alerts() -> dict[str, Json]:
    """Name, which is its runbook's -> the policy, as projects.alertPolicies#AlertPolicy with Terraform's names."""
    found = {"no-ticks": _body(_resource("google_monitoring_alert_policy", "no_ticks"), {})}
    for key, value in _locals()["alerts"].items():
        each = {"key": key, "value": {name: _value(part, {}) for name, part in value.items()}}
        found[key] = _body(_resource("google_monitoring_alert_policy", "this"), each)
    return found


def dashboard() -> Json:
    """As projects.dashboards#Dashboard."""
    read: Json = json.loads(DASHBOARD.read_text("utf-8"))
    return read


@cache
def _file() -> Json:
    read: Json = hcl2.loads((FOLDER / "observability.tf").read_text("utf-8"))
    return read


def _locals() -> Json:
    (found,) = _file()["locals"]
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _resource(kind: str, name: str) -> Json:
    (found,) = (
        bodies[f'"{name}"'] for block in _file()["resource"] for kind_, bodies in block.items() if kind_ == f'"{kind}"'
        if f'"{name}"' in bodies
    )  # fmt: skip
    body: Json = found
    return body


def _body(body: Mapping[str, Any], each: Json) -> Json:
    """The arguments and blocks, without those that only Terraform reads."""
    apart = {"for_each", "depends_on", "project", "dynamic"}
    named = ((name, part) for name, part in body.items() if not name.startswith("__") and name not in apart)
    made = {name: _value(part, each) for name, part in named}
    return {name: value for name, value in made.items() if value is not None}


def _value(raw: Any, each: Json) -> Any:
    if isinstance(raw, dict):
        return _body(raw, each)
    if isinstance(raw, list):
        return [_value(part, each) for part in raw]
    if not isinstance(raw, str):
        return raw
    if raw.startswith('"'):
        return _INSIDE.sub(lambda inside: str(_expression(inside[1], each)), json.loads(raw))
    return _expression(raw.removeprefix("${").removesuffix("}"), each)


def _expression(text: str, each: Json) -> Any:
    if text.startswith("{for"):
        return text
    if choice := _CHOICE.fullmatch(text):
        subject, wanted, yes, no = choice.groups()
        return _expression(yes if _expression(subject, each) == json.loads(wanted) else no, each)
    if text == "null":
        return None
    if text.startswith('"'):
        return _value(text, each)
    root, *path = text.split(".")
    if root == "each":
        found: Any = each
        for part in path:
            found = found[part]
        return found
    if text == "local.of_pushed":
        return f'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = one_of({_PUSHED})'
    if text == "local.dead_letter":
        return "dead-letter"
    if root == "local":
        return _value(_locals()[path[0]], each)
    if root == "var":
        return _default(*path)
    raise AssertionError(f"not understood: {text}")


@cache
def _variables() -> Json:
    read = hcl2.loads((FOLDER / "variables.tf").read_text("utf-8"))
    return {name.strip('"'): body for block in read["variable"] for name, body in block.items()}


def _default(name: str, field: str = "") -> Any:
    """The default of a variable, or of an optional field of one."""
    body = _variables()[name]
    if not field:
        return _value(body["default"], {})
    told = re.search(rf"\b{field}\b\W+optional\(number, (\d+)\)", str(body["type"]))
    assert told, f"var.{name} has no field {field} with a default"
    return int(told[1])
