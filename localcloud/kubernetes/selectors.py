"""Label selectors and field selectors.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ (grammar) and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ (fields a kind).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.kubernetes.errors import bad_request
from localcloud.kubernetes.kinds import Kind

Json = dict[str, Any]
Labels = Mapping[str, str]
Test = Callable[[Json], bool]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_PAIR = re.compile(r"^(?P<key>[\w./-]+)\s*(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[\w./-]+)$")
_FIELD = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<op>==|=|!=)\s*(?P<value>.*)$")

# What may be selected by besides metadata.name and metadata.namespace, and what an absent field counts as.
_FIELDS: dict[str, dict[str, str]] = {
    "pods": {
        "spec.nodeName": "", "spec.restartPolicy": "", "spec.schedulerName": "", "spec.serviceAccountName": "",
        "spec.hostNetwork": "false", "status.phase": "", "status.podIP": "", "status.nominatedNodeName": "",
    },
    "nodes": {"spec.unschedulable": "false"},
    "namespaces": {"status.phase": ""},
    "secrets": {"type": ""},
    "events": {
        "involvedObject.kind": "", "involvedObject.namespace": "", "involvedObject.name": "",
        "involvedObject.uid": "", "involvedObject.apiVersion": "", "involvedObject.resourceVersion": "",
        "involvedObject.fieldPath": "", "reason": "", "reportingComponent": "", "source": "", "type": "",
    },
    "jobs.batch": {"status.successful": "0"},
    "replicasets.apps": {"status.replicas": "0"},
}  # fmt: skip


def everything(_: Json) -> bool:
    return True


def label_test(selector: str) -> Test:
    """A test of objects from a labelSelector parameter; 400 when it does not parse."""
    if not selector.strip():
        return everything
    tests = [_requirement(part.strip(), selector) for part in re.split(r",(?![^(]*\))", selector)]
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _requirement(text: str, selector: str) -> Callable[[Labels], bool]:
    if match := _SET.match(text):
        values = {value.strip() for value in match["values"].split(",")}
        return _match(match["key"], "In" if match["op"] == "in" else "NotIn", values)
    if match := _PAIR.match(text):
        return _match(match["key"], "NotIn" if match["op"] == "!=" else "In", {match["value"]})
    if match := _EXISTS.match(text):
        return _match(match["key"], "DoesNotExist" if match["not"] else "Exists", set())
    raise bad_request(f"unable to parse requirement: found '{text}', expected: a label requirement in {selector!r}")


def _match(key: str, operator: str, values: set[str]) -> Callable[[Labels], bool]:
    return lambda labels: holds(labels, key, operator, values)


def holds(labels: Labels, key: str, operator: str, values: set[str]) -> bool:
    """One requirement on labels, with the operators of label selectors and of node affinity."""
    present = key in labels
    if operator == "In":
        return present and labels[key] in values
    if operator == "NotIn":
        return not present or labels[key] not in values
    if operator == "Exists":
        return present
    if operator == "DoesNotExist":
        return not present
    bound = next(iter(values), "")
    if not (present and _is_number(labels[key]) and _is_number(bound)):
        return False
    return int(labels[key]) > int(bound) if operator == "Gt" else int(labels[key]) < int(bound)


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def selects(selector: Json | None, labels: Labels) -> bool:
    """Whether a LabelSelector object (matchLabels, matchExpressions) selects; None selects nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(
        holds(labels, e["key"], e["operator"], set(e.get("values") or ()))
        for e in selector.get("matchExpressions") or ()
    )


def field_test(kind: Kind, selector: str, labels: str = "") -> Test:
    """A test of objects from a fieldSelector parameter; 400 for a field this kind cannot be selected by."""
    known = {"metadata.name": "", **({"metadata.namespace": ""} if kind.namespaced else {})}
    known |= _FIELDS.get(kind.key, {})
    for selectable in (kind.custom or {}).get("selectableFields") or ():
        known[selectable["jsonPath"].lstrip(".")] = ""
    wanted: list[tuple[str, bool, str]] = []
    for part in filter(None, selector.split(",")):
        match = _FIELD.match(part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{part}'")
        if match["key"] not in known:
            raise bad_request(f"field label not supported: {match['key']}")
        wanted.append((match["key"], match["op"] != "!=", match["value"]))
    if not wanted:
        return everything
    return lambda obj: all((_field(obj, path, known[path]) == value) is equal for path, equal, value in wanted)


def _field(obj: Json, path: str, absent: str) -> str:
    at: Any = obj
    if path == "status.successful":
        path = "status.succeeded"
    for step in path.split("."):
        at = at.get(step) if isinstance(at, dict) else None
    if at is None or isinstance(at, dict):
        return absent
    return str(at).lower() if isinstance(at, bool) else str(at)
