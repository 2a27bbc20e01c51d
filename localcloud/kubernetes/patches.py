"""The three patches that carry changes: JSON patch, merge patch and strategic merge patch.

Sources: RFC 6902, RFC 7386,
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and strategicpatch of
k8s.io/apimachinery ($patch, $retainKeys, $setElementOrder/, $deleteFromPrimitiveList/).
"""

from __future__ import annotations

import copy
from typing import Any

from localcloud.kubernetes.errors import ApiError, bad_request
from localcloud.kubernetes.schema import Schemas

Json = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


def _refused(why: str) -> ApiError:
    message = f"the server rejected our request due to an error in our request: {why}"
    return ApiError(422, "Invalid", message, details={})


def json_patch(obj: Json, operations: Any) -> Json:
    """RFC 6902; 422 when an operation cannot be done."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    result: Any = copy.deepcopy(obj)
    for operation in operations:
        try:
            result = _operate(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _refused(f"{operation.get('op')} of {operation.get('path')!r} failed: {error}") from None
    return dict(result)


def _operate(document: Any, operation: Json) -> Any:
    op, path = operation["op"], _pointer(operation["path"])
    if op == "test":
        if _read(document, path) != operation.get("value"):
            raise ValueError("testing value failed")
        return document
    if op == "remove":
        _take(document, path)
        return document
    if op == "add":
        return _add(document, path, copy.deepcopy(operation.get("value")))
    if op == "replace":
        _take(document, path)
        return _add(document, path, copy.deepcopy(operation.get("value")))
    if op in ("move", "copy"):
        source = _pointer(operation["from"])
        value = _take(document, source) if op == "move" else copy.deepcopy(_read(document, source))
        return _add(document, path, value)
    raise ValueError(f"unknown operation {op!r}")


def _pointer(text: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _read(document: Any, path: list[str]) -> Any:
    for step in path:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _take(document: Any, path: list[str]) -> Any:
    parent = _read(document, path[:-1])
    return parent.pop(int(path[-1])) if isinstance(parent, list) else parent.pop(path[-1])


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _read(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        position = len(parent) if last == "-" else int(last)
        if position > len(parent):
            raise IndexError(f"index {position} is past the end")
        parent.insert(position, value)
    else:
        parent[last] = value
    return document


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


class StrategicMerge:
    """Strategic merge patch, by the merge keys that the schema of a kind carries."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def __call__(self, schema: Json, target: Any, patch: Json) -> Any:
        """The target with the patch merged in; directives of the patch are obeyed and leave no trace."""
        schema = self._schemas.resolve(schema)
        directive = patch.get("$patch")
        if directive == "delete":
            return {}
        if directive == "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        result = dict(target) if isinstance(target, dict) else {}
        if (retained := patch.get("$retainKeys")) is not None:
            result = {key: value for key, value in result.items() if key in retained}
        for key, value in patch.items():
            if not key.startswith("$"):
                self._field(schema, result, key, value)
        for key, value in patch.items():
            if key.startswith("$deleteFromPrimitiveList/"):
                name = key.partition("/")[2]
                result[name] = [item for item in result.get(name) or [] if item not in value]
        for key, order in patch.items():
            if key.startswith("$setElementOrder/"):
                self._order(schema, result, key.partition("/")[2], order)
        return result

    def _field(self, schema: Json, result: Json, key: str, value: Any) -> None:
        inner = (schema.get("properties") or {}).get(key)
        if inner is None:
            extra = schema.get("additionalProperties")
            inner = extra if isinstance(extra, dict) else {}
        inner = self._schemas.resolve(inner)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = self(inner, result.get(key), value)
        elif isinstance(value, list) and inner.get("x-kubernetes-patch-strategy") == "merge":
            result[key] = self._list(inner, key, result.get(key) or [], value)
        else:
            result[key] = copy.deepcopy(value)

    def _list(self, schema: Json, name: str, target: list[Any], patch: list[Any]) -> list[Any]:
        merge_key = schema.get("x-kubernetes-patch-merge-key")
        if merge_key is None:
            return [*target, *(item for item in patch if item not in target)]
        if any(item == {"$patch": "replace"} for item in patch):
            return [item for item in patch if item != {"$patch": "replace"}]
        result = list(target)
        for item in patch:
            if not isinstance(item, dict) or merge_key not in item:
                raise bad_request(f"map: {item} does not contain declared merge key: {merge_key} (in {name})")
            at = next((i for i, old in enumerate(result) if old.get(merge_key) == item[merge_key]), None)
            if item.get("$patch") == "delete":
                result = [old for old in result if old.get(merge_key) != item[merge_key]]
            elif at is None:
                result.append(self(schema["items"], {}, item))
            else:
                result[at] = self(schema["items"], result[at], item)
        return result

    def _order(self, schema: Json, result: Json, name: str, order: list[Any]) -> None:
        """Items named by the order stand in it; others keep their place behind."""
        inner = self._schemas.resolve((schema.get("properties") or {}).get(name) or {})
        merge_key = inner.get("x-kubernetes-patch-merge-key")
        wanted = [item.get(merge_key) if merge_key else item for item in order]

        def place(item: Any) -> int:
            identity = item.get(merge_key) if merge_key else item
            return wanted.index(identity) if identity in wanted else len(wanted)

        if name in result:
            result[name] = sorted(result[name], key=place)
