"""Structural validation: required fields for every kind, and all a custom resource's schema says.

Messages: k8s.io/kube-openapi (validation/errors) as k8s.io/apiextensions-apiserver turns them into causes.
CEL rules (`x-kubernetes-validations`) are not evaluated here; a real apiserver is needed for those.
"""

from __future__ import annotations

import re
from typing import Any

from localcloud.kubernetes.errors import FieldError, invalid_value, required, unsupported
from localcloud.kubernetes.schema import Schemas

Json = dict[str, Any]


def missing(schemas: Schemas, schema: Json, value: Any, path: str = "") -> list[FieldError]:
    """Required fields that are absent, for built-in kinds; `status` is the controllers' business."""
    schema = schemas.resolve(schema)
    errors: list[FieldError] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            errors += missing(schemas, schema.get("items") or {}, item, f"{path}[{index}]")
    if not isinstance(value, dict):
        return errors
    for name in schema.get("required") or ():
        if value.get(name) is None:
            errors.append(required(_join(path, name)))
    for name, item in value.items():
        inner = (schema.get("properties") or {}).get(name)
        if inner is not None and not (path == "" and name in ("status", "metadata")):
            errors += missing(schemas, inner, item, _join(path, name))
    return errors


def validate(schema: Json, value: Any, path: str = "") -> list[FieldError]:
    """Everything an OpenAPI v3 structural schema finds wrong with a custom object."""
    if value is None and schema.get("nullable"):
        return []
    if problem := _type(schema, value, path):
        return [problem]
    errors = _enum(schema, value, path)
    if isinstance(value, str):
        errors += _string(schema, value, path)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int | float):
        errors += _number(schema, value, path)
    elif isinstance(value, list):
        errors += _array(schema, value, path)
    elif isinstance(value, dict):
        errors += _object(schema, value, path)
    return errors + _combined(schema, value, path)


def default(schema: Json, value: Any) -> Any:
    """The value with the schema's defaults where fields are absent."""
    if isinstance(value, list):
        return [default(schema.get("items") or {}, item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    result = dict(value)
    for name, inner in properties.items():
        if "default" in inner and result.get(name) is None and not (name in result and inner.get("nullable")):
            result[name] = inner["default"]
    for name, item in result.items():
        inner = properties.get(name) or (extra if isinstance(extra, dict) else None)
        if inner is not None:
            result[name] = default(inner, item)
    return result


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float) and not value.is_integer():
        return "number"
    return _TYPE_NAMES[type(value)]


_TYPE_NAMES: dict[type, str] = {
    str: "string", int: "integer", float: "integer", list: "array", dict: "object", type(None): "null",
}  # fmt: skip


def _type(schema: Json, value: Any, path: str) -> FieldError | None:
    found = _type_name(value)
    if schema.get("x-kubernetes-int-or-string"):
        fits, wanted = found in ("integer", "string"), "integer,string"
    else:
        wanted = str(schema.get("type") or "")
        fits = not wanted or found == wanted or (wanted == "number" and found == "integer")
    if fits:
        return None
    detail = f'{path} in body must be of type {wanted}: "{found}"'
    return invalid_value(path, found, detail, reason="FieldValueTypeInvalid")


def _enum(schema: Json, value: Any, path: str) -> list[FieldError]:
    allowed = schema.get("enum")
    return [unsupported(path, value, allowed)] if allowed is not None and value not in allowed else []


_FORMATS = {
    "date-time": r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$",
    "date": r"^\d{4}-\d\d-\d\d$",
    "uuid": r"^(?i:[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12})$",
    "ipv4": r"^(\d{1,3}\.){3}\d{1,3}$",
}


def _string(schema: Json, value: str, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        errors.append(FieldError(path, "FieldValueTooLong", f"Too long: may not be more than {longest} bytes"))
    if shortest is not None and len(value) < shortest:
        errors.append(invalid_value(path, value, f"{path} in body should be at least {shortest} chars long"))
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, value):
        errors.append(invalid_value(path, value, f"{path} in body should match '{pattern}'"))
    form = schema.get("format", "")
    if form in _FORMATS and not re.match(_FORMATS[form], value):
        errors.append(invalid_value(path, value, f"{path} in body must be of type {form}: {value!r}".replace("'", '"')))
    return errors


def _number(schema: Json, value: float, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        words = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        errors.append(invalid_value(path, value, f"{path} in body should be {words} {low}"))
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        words = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        errors.append(invalid_value(path, value, f"{path} in body should be {words} {high}"))
    step = schema.get("multipleOf")
    if step and value % step:
        errors.append(invalid_value(path, value, f"{path} in body should be a multiple of {step}"))
    return errors


def _array(schema: Json, value: list[Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        errors.append(FieldError(path, "FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items"))
    if least is not None and len(value) < least:
        errors.append(invalid_value(path, len(value), f"{path} in body should have at least {least} items"))
    for index, item in enumerate(value):
        errors += validate(schema.get("items") or {}, item, f"{path}[{index}]")
    return errors + _duplicates(schema, value, path)


def _duplicates(schema: Json, value: list[Any], path: str) -> list[FieldError]:
    """Repeated items of a set, or of a map by its keys."""
    list_type, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    seen: list[Any] = []
    errors: list[FieldError] = []
    for index, item in enumerate(value):
        if list_type == "set":
            identity = item
        elif list_type == "map" and isinstance(item, dict):
            identity = {key: item.get(key) for key in keys}
        else:
            continue
        if identity in seen:
            shown = str(identity).replace("'", '"')
            message = f"Duplicate value: {shown}"
            errors.append(FieldError(f"{path}[{index}]", "FieldValueDuplicate", message))
        seen.append(identity)
    return errors


def _object(schema: Json, value: Json, path: str) -> list[FieldError]:
    errors = [required(_join(path, name)) for name in schema.get("required") or () if name not in value]
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        inner = properties.get(name) or (extra if isinstance(extra, dict) else None)
        if inner is not None and not (path == "" and name == "metadata"):
            errors += validate(inner, item, _join(path, name))
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if most is not None and len(value) > most:
        errors.append(FieldError(path, "FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items"))
    if least is not None and len(value) < least:
        errors.append(invalid_value(path, len(value), f"{path} in body should have at least {least} properties"))
    return errors


def _combined(schema: Json, value: Any, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for part in schema.get("allOf") or ():
        errors += validate(part, value, path)
    for word in ("anyOf", "oneOf"):
        parts = schema.get(word) or ()
        fitting = sum(not validate(part, value, path) for part in parts)
        if parts and (fitting == 0 or (word == "oneOf" and fitting > 1)):
            errors.append(invalid_value(path, value, f"{path} in body must validate {_WORDS[word]}"))
    if "not" in schema and not validate(schema["not"], value, path):
        errors.append(invalid_value(path, value, f"{path} in body must not validate the schema (not)"))
    return errors


_WORDS = {"anyOf": "at least one schema (anyOf)", "oneOf": "one and only one schema (oneOf)"}
