"""managedFields: who set which field, kept for every writer that names itself.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ (FieldsV1: `f:` a field, `k:` a list item by
its keys, `v:` a value of a set, `.` the item itself). Only leaf fields are owned here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.schema import Schemas

Json = dict[str, Any]
Path = tuple[str, ...]

_SYSTEM = {
    "apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.uid", "metadata.creationTimestamp",
    "metadata.resourceVersion", "metadata.generation", "metadata.managedFields", "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds", "metadata.selfLink", "metadata.generateName",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an entry says besides its fields."""

    api_version: str
    time: str
    subresource: str = ""


def leaves(schemas: Schemas, schema: Json, value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Owned fields of an object: the path in FieldsV1's words, and the value."""
    schema = schemas.resolve(schema)
    if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, item in value.items():
            if (at == () and key in _SYSTEM) or (at == ("f:metadata",) and f"metadata.{key}" in _SYSTEM):
                continue
            inner = properties.get(key) or (extra if isinstance(extra, dict) else {})
            yield from leaves(schemas, inner, item, (*at, f"f:{key}"))
    elif isinstance(value, list) and (keys := schema.get("x-kubernetes-list-map-keys")):
        for item in value:
            step = item_key(item, keys)
            yield (*at, step, "."), None
            yield from leaves(schemas, schema["items"], item, (*at, step))
    elif isinstance(value, list) and schema.get("x-kubernetes-list-type") == "set":
        for item in value:
            yield (*at, "v:" + json.dumps(item)), item
    else:
        yield at, value


def item_key(item: Json, keys: list[str]) -> str:
    """`k:{"name":"x"}`, the keys in their order; an absent key has its default of TCP for ports."""
    identity = {key: item.get(key, "TCP" if key == "protocol" else None) for key in sorted(keys)}
    return "k:" + json.dumps(identity, separators=(",", ":"))


def to_fields(paths: set[Path]) -> Json:
    """FieldsV1 of a set of paths."""
    fields: Json = {}
    for path in sorted(paths):
        at = fields
        for step in path:
            at = at.setdefault(step, {})
    return fields


def to_paths(fields: Json, at: Path = ()) -> set[Path]:
    """The paths of FieldsV1."""
    if not fields:
        return {at} if at else set()
    return set().union(*(to_paths(inner, (*at, step)) for step, inner in fields.items()))


def record(*, schemas: Schemas, schema: Json, old: Json, new: Json, manager: str, stamp: Stamp) -> None:
    """Note in `new` that an ordinary write of `manager` set what differs from `old`; others lose those fields."""
    if not manager:
        return
    before = dict(leaves(schemas, schema, old))
    after = dict(leaves(schemas, schema, new))
    touched = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = set(before) - set(after)
    if not touched and not gone:
        return
    entries = [_without(entry, touched | gone) for entry in new["metadata"].get("managedFields") or ()]
    own = next((e for e in entries if _is(e, manager, "Update", stamp.subresource)), None)
    if touched and own is None:
        own = entry_of(manager, "Update", set(), stamp)
        entries.append(own)
    if touched and own is not None:
        own["fieldsV1"] = to_fields(to_paths(own["fieldsV1"]) | touched)
        own["time"] = stamp.time
    new["metadata"]["managedFields"] = [entry for entry in entries if entry["fieldsV1"]]


def entry_of(manager: str, operation: str, paths: set[Path], stamp: Stamp) -> Json:
    """One ManagedFieldsEntry."""
    entry: Json = {
        "manager": manager, "operation": operation, "apiVersion": stamp.api_version, "time": stamp.time,
        "fieldsType": "FieldsV1", "fieldsV1": to_fields(paths),
    }  # fmt: skip
    if stamp.subresource:
        entry["subresource"] = stamp.subresource
    return entry


def _is(entry: Json, manager: str, operation: str, subresource: str) -> bool:
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (manager, operation, subresource)


def _without(entry: Json, paths: set[Path]) -> Json:
    return {**entry, "fieldsV1": to_fields(to_paths(entry["fieldsV1"]) - paths)}
