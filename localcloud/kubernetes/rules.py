"""Rules of built-in kinds that no schema carries: names, immutable fields, selectors that must match.

Messages: pkg/apis/*/validation of Kubernetes and the validation package of k8s.io/apimachinery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from localcloud.kubernetes.errors import FieldError, forbidden_field, invalid_value, required
from localcloud.kubernetes.kinds import CRD_KEY, Kind
from localcloud.kubernetes.selectors import selects

Json = dict[str, Any]

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")

_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)

_LABEL_NAMED = {"namespaces", "services"}
_FREELY_NAMED_GROUP = "rbac.authorization.k8s.io"


def metadata(kind: Kind, meta: Json) -> Iterator[FieldError]:
    """What is wrong with name and labels."""
    name = meta.get("name") or ""
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif kind.key in _LABEL_NAMED:
        if not _LABEL.match(name) or len(name) > 63:
            yield invalid_value("metadata.name", name, _LABEL_TEXT)
    elif kind.group != _FREELY_NAMED_GROUP and (not _SUBDOMAIN.match(name) or len(name) > 253):
        yield invalid_value("metadata.name", name, _SUBDOMAIN_TEXT)
    for value in (meta.get("labels") or {}).values():
        if not _LABEL_VALUE.match(value):
            yield invalid_value("metadata.labels", value, _LABEL_VALUE_TEXT)
        elif len(value) > 63:
            yield FieldError("metadata.labels", "FieldValueTooLong", "Too long: may not be more than 63 bytes")


def _workload(obj: Json) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if spec.get("selector") and not selects(spec["selector"], labels or {}):
        yield invalid_value("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from _containers(template.get("spec") or {}, "spec.template.spec")


def spelled_out(kind: Kind, problems: list[FieldError]) -> list[FieldError]:
    """Required fields that are absent, as an apiserver says it: it misses not a template, but what belongs in one."""
    found: list[FieldError] = []
    for problem in problems:
        if problem.field == "spec.template" and kind.group in ("apps", "batch"):
            found += _OF_A_JOB if kind.group == "batch" else _OF_A_WORKLOAD
        elif (problem.field, kind.plural) != ("spec.selector", "daemonsets"):
            found.append(problem)
    return found


_OF_A_WORKLOAD = [
    invalid_value("spec.template.metadata.labels", None, "`selector` does not match template `labels`"),
    required("spec.template.spec.containers"),
]
_OF_A_JOB = [
    required("spec.template.spec.containers"),
    required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"'),
]


def _containers(spec: Json, path: str) -> Iterator[FieldError]:
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    names: set[str] = set()
    for index, container in enumerate(spec.get("containers") or ()):
        if not container.get("image"):
            yield required(f"{path}.containers[{index}].image")
        if container.get("name") in names:
            message = f'Duplicate value: "{container["name"]}"'
            yield FieldError(f"{path}.containers[{index}].name", "FieldValueDuplicate", message)
        names.add(container.get("name"))


def _pod(obj: Json) -> Iterator[FieldError]:
    yield from _containers(obj.get("spec") or {}, "spec")


def _job(obj: Json) -> Iterator[FieldError]:
    yield from _workload(obj)
    template = (obj.get("spec") or {}).get("template") or {}
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        field = "spec.template.spec.restartPolicy"
        yield FieldError(
            field, "FieldValueNotSupported",
            'Unsupported value: "Always": supported values: "OnFailure", "Never"',
        )  # fmt: skip


def _budget(obj: Json) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield invalid_value("spec", spec, "minAvailable and maxUnavailable cannot be both set")


_COUNTS: dict[str, tuple[str, ...]] = {
    "poddisruptionbudgets.policy": ("minAvailable", "maxUnavailable"),
    "deployments.apps": ("replicas", "strategy.rollingUpdate.maxSurge", "strategy.rollingUpdate.maxUnavailable"),
    "daemonsets.apps": ("updateStrategy.rollingUpdate.maxUnavailable",),
    "replicasets.apps": ("replicas",),
    "statefulsets.apps": ("replicas",),
    "jobs.batch": ("parallelism", "completions", "backoffLimit"),
}
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def _counts(key: str, obj: Json) -> Iterator[FieldError]:
    """Numbers and shares that must not be negative."""
    for path in _COUNTS.get(key, ()):
        value: Any = obj.get("spec")
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
            yield invalid_value(f"spec.{path}", value, _PERCENT_TEXT)
        elif isinstance(value, int) and value < 0:
            yield invalid_value(f"spec.{path}", value, "must be greater than or equal to 0")


def conditions(obj: Json) -> Iterator[FieldError]:
    """Conditions say what they are about and how it stands."""
    for index, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        for name in ("type", "status"):
            if not condition.get(name):
                yield required(f"status.conditions[{index}].{name}")


def _definition(obj: Json) -> Iterator[FieldError]:
    spec, name = obj["spec"], obj["metadata"].get("name")
    expected = f"{spec['names'].get('plural')}.{spec.get('group')}"
    if name != expected:
        yield invalid_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if sum(bool(version.get("storage")) for version in spec.get("versions") or ()) != 1:
        why = "must have exactly one version marked as storage version"
        yield invalid_value("spec.versions", spec.get("versions"), why)
    for index, version in enumerate(spec.get("versions") or ()):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")


_WHOLE: dict[str, Callable[[Json], Iterator[FieldError]]] = {
    "pods": _pod,
    "deployments.apps": _workload,
    "replicasets.apps": _workload,
    "daemonsets.apps": _workload,
    "statefulsets.apps": _workload,
    "jobs.batch": _job,
    "poddisruptionbudgets.policy": _budget,
    CRD_KEY: _definition,
}


def created(kind: Kind, obj: Json) -> Iterator[FieldError]:
    """Rules a new object breaks."""
    if kind.custom is None:
        yield from _WHOLE[kind.key](obj) if kind.key in _WHOLE else ()
        yield from _counts(kind.key, obj)
        yield from conditions(obj)


_IMMUTABLE = {
    "deployments.apps": ("selector",),
    "replicasets.apps": ("selector",),
    "daemonsets.apps": ("selector",),
    "statefulsets.apps": ("selector", "serviceName"),
    "jobs.batch": ("selector", "template", "completionMode"),
    CRD_KEY: ("scope", "group"),
}
_POD_TEXT = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def changed(kind: Kind, old: Json, new: Json) -> Iterator[FieldError]:
    """Rules a change breaks, immutable fields first."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    for name in _IMMUTABLE.get(kind.key, ()):
        if before.get(name) != after.get(name):
            yield invalid_value(f"spec.{name}", after.get(name), "field is immutable")
    if kind.key == "pods" and _fixed(before) != _fixed(after):
        yield forbidden_field("spec", _POD_TEXT)
    if kind.key in ("configmaps", "secrets") and old.get("immutable"):
        if not new.get("immutable"):
            yield forbidden_field("immutable", "field is immutable when `immutable` is set")
        if old.get("data") != new.get("data"):
            yield forbidden_field("data", "field is immutable when `immutable` is set")
    yield from created(kind, new)


def _fixed(spec: Json) -> Json:
    """The part of a pod's spec that may never change."""
    free = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")
    fixed = {key: value for key, value in spec.items() if key not in free}
    for name in ("containers", "initContainers"):
        fixed[name] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(name) or ()]
    return fixed
