"""Decoding of built-in objects and pruning of unknown fields, by schema.

Messages follow Go's strict JSON decoding as an apiserver reports it
(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation).
"""

from __future__ import annotations

from typing import Any

from localcloud.kubernetes.clock import seconds
from localcloud.kubernetes.errors import bad_request
from localcloud.kubernetes.kinds import Kind
from localcloud.kubernetes.quantities import number
from localcloud.kubernetes.schema import Schemas, struct_name

Json = dict[str, Any]

_GO_TYPES = {"string": "string", "integer": "int32", "boolean": "bool", "number": "float64"}


class MismatchError(Exception):
    """A value that its field cannot hold: `path` from the root, `wanted` and `found` in Go's words."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        super().__init__(path)
        self.path = path
        self.found = found
        self.wanted = wanted
        self.struct = ""


def decode(schemas: Schemas, kind: Kind, obj: Json) -> tuple[Json, list[str]]:
    """The object without unknown fields, and their paths; 400 when a built-in field has a value of a wrong type."""
    if kind.custom is not None:
        return _decode_custom(schemas, kind, obj)
    unknown: list[str] = []
    try:
        pruned = _walk(schemas, schemas.of(kind), obj, "", unknown, typed=True)
    except MismatchError as mismatch:
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: json: cannot unmarshal '
            f"{mismatch.found} into Go struct field {mismatch.struct}.{mismatch.path} of type {mismatch.wanted}"
        ) from None
    return pruned, unknown


def _decode_custom(schemas: Schemas, kind: Kind, obj: Json) -> tuple[Json, list[str]]:
    """Custom objects keep wrong types for validation to name; their metadata is decoded as everybody's."""
    unknown: list[str] = []
    pruned = _walk(schemas, schemas.of(kind), obj, "", unknown, typed=False)
    try:
        given = obj.get("metadata") or {}
        pruned["metadata"] = _walk(schemas, schemas.metadata(), given, "metadata", unknown, typed=True)
    except MismatchError as mismatch:
        field = f"{mismatch.struct or 'ObjectMeta'}.{mismatch.path}"
        raise bad_request(
            f"json: cannot unmarshal {mismatch.found} into Go struct field {field} of type {mismatch.wanted}"
        ) from None
    return pruned, unknown


def _walk(schemas: Schemas, schema: Json, value: Any, path: str, unknown: list[str], *, typed: bool) -> Any:
    name = struct_name(schema)
    schema = schemas.resolve(schema)
    if value is None:
        return None
    wanted = schema.get("type")
    if wanted == "object":
        if not isinstance(value, dict):
            if typed:
                raise MismatchError(path, _go_kind(value), f"v1.{name}" if name else "map[string]interface {}")
            return value
        try:
            return _object(schemas, schema, value, path, unknown, typed=typed)
        except MismatchError as mismatch:
            mismatch.struct = mismatch.struct or name
            raise
    if wanted == "array" and isinstance(value, list):
        items = schema.get("items") or {}
        if typed and schemas.resolve(items).get("type") == "object":
            value = [{} if item is None else item for item in value]  # as Go reads null into a struct
        return [_walk(schemas, items, v, f"{path}[{i}]", unknown, typed=typed) for i, v in enumerate(value)]
    if typed and wanted in ("array", *_GO_TYPES):
        return _scalar(schema, value, path)
    return value


def _object(schemas: Schemas, schema: Json, value: Json, path: str, unknown: list[str], *, typed: bool) -> Json:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    keep = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    result: Json = {}
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if key in properties:
            result[key] = _walk(schemas, properties[key], item, where, unknown, typed=typed)
        elif isinstance(extra, dict):
            result[key] = _walk(schemas, extra, item, where, unknown, typed=typed)
        elif extra or keep:
            result[key] = item
        else:
            unknown.append(where)
    return {key: item for key, item in result.items() if item is not None or not typed}


def _scalar(schema: Json, value: Any, path: str) -> Any:
    wanted = schema["type"]
    if schema.get("x-poolwright-quantity"):
        return _quantity(value, path)
    fits = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
    }.get(wanted, False)
    if not fits:
        raise MismatchError(path, _go_kind(value), _GO_TYPES.get(wanted, "[]interface {}"))
    if schema.get("format") == "date-time":
        _check_time(value, path)
    return value


def _check_time(value: str, path: str) -> None:
    try:
        seconds(value)
    except ValueError:
        raise bad_request(f'{path}: parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse it') from None


def _quantity(value: Any, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MismatchError(path, _go_kind(value), "resource.Quantity")
    try:
        number(str(value))
    except ValueError:
        expected = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
        raise bad_request(f"{path}: quantities must match the regular expression '{expected}'") from None
    return str(value)


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return _GO_KINDS.get(type(value), "value")


_GO_KINDS: dict[type, str] = {str: "string", list: "array", dict: "object"}
