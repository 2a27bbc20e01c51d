"""Lists: selection, pages and the resourceVersion a client may ask for.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.errors import ApiError, FieldError, bad_request, expired, invalid
from localcloud.kubernetes.kinds import Kind
from localcloud.kubernetes.objects import Objects
from localcloud.kubernetes.selectors import Test, field_test, label_test
from localcloud.kubernetes.store import address

Json = dict[str, Any]

TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter."
)


def selection(kind: Kind, query: Mapping[str, str], name: str = "") -> Test:
    """The test that labelSelector, fieldSelector and a name in the path make together."""
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    by_label, by_field = label_test(labels), field_test(kind, fields, labels)
    return lambda obj: by_label(obj) and by_field(obj) and (not name or obj["metadata"]["name"] == name)


def version_number(text: str) -> int:
    """A resourceVersion parameter as a number; "" is 0."""
    if text and not text.isdigit():
        raise bad_request(f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text or 0)


def integer(query: Mapping[str, str], name: str) -> int | None:
    """A parameter that is a whole number, None when absent; 400 when it is something else."""
    text = query.get(name, "")
    try:
        return int(text) if text else None
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax (parameter {name})') from None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list: `rest` is how many come after, None when unknown (a selector hides it)."""

    items: list[Json]
    version: str
    token: str = ""
    rest: int | None = None

    def metadata(self) -> Json:
        """ListMeta."""
        meta: Json = {"resourceVersion": self.version}
        if self.token:
            meta["continue"] = self.token
            if self.rest is not None:
                meta["remainingItemCount"] = self.rest
        return meta


def page(objects: Objects, kind: Kind, namespace: str, query: Mapping[str, str]) -> Page:
    """One page of a list; without `limit`, all of it."""
    _check_version(objects, kind, query)
    items = objects.select(kind, namespace, selection(kind, query))
    version, after = str(objects.store.version), ""
    if token := query.get("continue"):
        version, after = _read_token(objects, token)
        items = [item for item in items if address(item) > after]
    limit = integer(query, "limit") or 0
    if not limit or len(items) <= limit:
        return Page(items, version)
    shown = items[:limit]
    selected = query.get("labelSelector") or query.get("fieldSelector")
    token = _write_token(version, address(shown[-1]))
    return Page(shown, version, token, None if selected else len(items) - limit)


def _check_version(objects: Objects, kind: Kind, query: Mapping[str, str]) -> None:
    wanted, match = version_number(query.get("resourceVersion", "")), query.get("resourceVersionMatch", "")
    if match and not query.get("resourceVersion"):
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        problem = FieldError("resourceVersionMatch", "FieldValueForbidden", f"Forbidden: {why}")
        raise invalid("meta.k8s.io", "ListOptions", "", [problem])
    if wanted > objects.store.version:
        message = f"Too large resource version: {wanted}, current: {objects.store.version}"
        details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                   "retryAfterSeconds": 1}  # fmt: skip
        raise ApiError(504, "Timeout", f"Timeout: {message}", details=details, retry_after=1)
    if match == "Exact" and wanted != objects.store.version:
        raise expired(f"The resourceVersion for the provided list is too old: {wanted}")


def _write_token(version: str, after: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"v": version, "after": after}).encode()).decode()


def _read_token(objects: Objects, token: str) -> tuple[str, str]:
    try:
        read = json.loads(base64.urlsafe_b64decode(token))
        version, after = str(read["v"]), str(read["after"])
    except (ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: it was not issued by this server") from None
    if not objects.store.knows_since(int(version)):
        raise expired(TOO_OLD)
    return version, after
