"""Server-side apply, in a simple and honest form.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/. Objects merge, lists merge where the schema
says they are maps or sets, everything else is replaced. What a manager applied before and leaves out now is removed
unless somebody else owns it too. A field of another manager with another value is a conflict unless forced.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from localcloud.kubernetes.errors import ApiError
from localcloud.kubernetes.managed import Path, Stamp, entry_of, item_key, leaves, to_fields, to_paths
from localcloud.kubernetes.schema import Schemas

Json = dict[str, Any]


def apply(
    schemas: Schemas, schema: Json, live: Json, applied: Json, *, manager: str, force: bool, stamp: Stamp
) -> Json:
    """The object after an apply; `live` is {} for a new one. 409 with the conflicting fields unless forced."""
    entries: list[Json] = copy.deepcopy((live.get("metadata") or {}).get("managedFields") or [])
    applied = copy.deepcopy(applied)
    applied.setdefault("metadata", {}).pop("managedFields", None)
    wanted = dict(leaves(schemas, schema, applied))
    current = dict(leaves(schemas, schema, live))
    own = next((e for e in entries if _is_own(e, manager, stamp)), None)
    others = [e for e in entries if e is not own]
    clashes = _clashes(wanted, current, others)
    if clashes and not force:
        raise _conflict(clashes)
    result: Json = _merge(schemas, schema, live, applied)
    before = to_paths(own["fieldsV1"]) if own else set()
    elsewhere = {path for entry in others for path in to_paths(entry["fieldsV1"])}
    for path in sorted(before - set(wanted) - elsewhere, key=len, reverse=True):
        _remove(result, path)
    lost = {path for path, _ in clashes}
    kept = [{**e, "fieldsV1": to_fields(to_paths(e["fieldsV1"]) - lost)} for e in others]
    entry = entry_of(manager, "Apply", set(wanted), stamp)
    if own is not None and own["fieldsV1"] == entry["fieldsV1"]:
        entry["time"] = own["time"]
    result["metadata"]["managedFields"] = [e for e in kept if e["fieldsV1"]] + [entry]
    return result


def _is_own(entry: Json, manager: str, stamp: Stamp) -> bool:
    where = entry.get("subresource", "")
    return (entry["manager"], entry["operation"], where) == (manager, "Apply", stamp.subresource)


def _clashes(wanted: dict[Path, Any], current: dict[Path, Any], others: list[Json]) -> list[tuple[Path, str]]:
    owners = [(entry["manager"], to_paths(entry["fieldsV1"])) for entry in others]
    return [
        (path, owner)
        for path, value in wanted.items()
        for owner, paths in owners
        if path in paths and path in current and current[path] != value
    ]


def _conflict(clashes: list[tuple[Path, str]]) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{owner}"', "field": shown(path)}
        for path, owner in clashes
    ]
    count = len(clashes)
    plural = "conflict" if count == 1 else "conflicts"
    if count == 1:
        text = f'conflict with "{clashes[0][1]}": {shown(clashes[0][0])}'
    else:
        owners = sorted({owner for _, owner in clashes})
        text = "conflicts " + "\n".join(
            f'with "{owner}":\n' + "\n".join(f"- {shown(path)}" for path, by in clashes if by == owner)
            for owner in owners
        )
    message = f"Apply failed with {count} {plural}: {text}"
    return ApiError(409, "Conflict", message, details={"causes": causes})


def shown(path: Path) -> str:
    """A path as error messages write it: `.spec.containers[name="x"].image`."""
    text = ""
    for step in path:
        if step.startswith("f:"):
            text += f".{step[2:]}"
        elif step.startswith("k:"):
            keys = json.loads(step[2:])
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
        elif step.startswith("v:"):
            text += f"[={step[2:]}]"
    return text


def _merge(schemas: Schemas, schema: Json, live: Any, applied: Any) -> Any:
    schema = schemas.resolve(schema)
    if isinstance(applied, dict) and isinstance(live, dict) and schema.get("x-kubernetes-map-type") != "atomic":
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        result = dict(live)
        for key, value in applied.items():
            inner = properties.get(key) or (extra if isinstance(extra, dict) else {})
            result[key] = _merge(schemas, inner, live.get(key), value) if key in live else value
        return result
    if isinstance(applied, list) and isinstance(live, list):
        if keys := schema.get("x-kubernetes-list-map-keys"):
            return _merge_items(schemas, schema, live, applied, keys)
        if schema.get("x-kubernetes-list-type") == "set":
            return [*live, *(item for item in applied if item not in live)]
    return applied


def _merge_items(schemas: Schemas, schema: Json, live: list[Any], applied: list[Any], keys: list[str]) -> list[Any]:
    result = list(live)
    places = {item_key(item, keys): index for index, item in enumerate(live)}
    for item in applied:
        at = places.get(item_key(item, keys))
        if at is None:
            result.append(item)
        else:
            result[at] = _merge(schemas, schema["items"], result[at], item)
    return result


def _remove(obj: Any, path: Path) -> None:
    """Take one owned field out, and the list item it ends."""
    step, rest = path[0], path[1:]
    if step.startswith("f:"):
        name = step[2:]
        if not isinstance(obj, dict) or name not in obj:
            return
        if not rest:
            del obj[name]
        else:
            obj[name] = copy.deepcopy(obj[name])
            _remove(obj[name], rest)
    elif step.startswith("v:") and isinstance(obj, list):
        value = json.loads(step[2:])
        obj[:] = [item for item in obj if item != value]
    elif step.startswith("k:") and isinstance(obj, list):
        identity = json.loads(step[2:])
        for item in [i for i in obj if all(i.get(k) in (v, None) for k, v in identity.items())]:
            if rest == (".",):
                obj.remove(item)
            else:
                _remove(item, rest)
