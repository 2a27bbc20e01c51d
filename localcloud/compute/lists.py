"""Compute's lists: filter, order, pages, and aggregated lists over zones and regions."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from typing import Any

from google.protobuf.descriptor import Descriptor

from localcloud.compute.filters import matcher
from localcloud.compute.references import self_link
from localcloud.compute.refusals import invalid
from localcloud.compute.resources import Resource
from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError

Scoped = tuple[str, Resource]
MOST = 500


def item_type(response: Descriptor) -> tuple[str, Descriptor]:
    """The name of a list's (or an aggregated list's scope's) repeated field, and what lies in it."""
    for field in response.fields:
        if field.message_type is None or field.name in ("warning", "warnings"):
            continue
        if field.message_type.GetOptions().map_entry:
            return item_type(field.message_type.fields_by_name["value"].message_type)
        if field.is_repeated:
            return str(field.json_name), field.message_type
    raise TypeError(f"{response.full_name} is no list")


def page(call: Call, items: list[Resource], *, kind: str = "", path: str = "") -> Answer:
    """One page of a list, as the call asks: `filter`, `orderBy`, `maxResults`, `pageToken`; `items` are in order."""
    name, _ = item_type(call.method.response.DESCRIPTOR)
    chosen, token = _page(call, [("", each) for each in items])
    answer: Answer = {}
    if kind:
        answer |= {"kind": f"compute#{kind}", "id": path, "selfLink": self_link(path)}
    if chosen:
        answer[name] = [each for _, each in chosen]
    if token:
        answer["nextPageToken"] = token
    return answer


def aggregated(call: Call, held: dict[str, list[Resource]], *, kind: str, path: str, scopes: list[str]) -> Answer:
    """One page of an aggregated list: each of `scopes` is named, those without results by a warning."""
    name, _ = item_type(call.method.response.DESCRIPTOR)
    chosen, token = _page(call, [(scope, each) for scope in sorted(held) for each in held[scope]])
    answer: Answer = {"kind": f"compute#{kind}", "id": path, "selfLink": self_link(path), "items": {}}
    for scope in [*scopes, *sorted({scope for scope, _ in chosen} - set(scopes))]:
        found = [each for where, each in chosen if where == scope]
        answer["items"][scope] = {name: found} if found else {"warning": _nothing(scope)}
    if token:
        answer["nextPageToken"] = token
    return answer


def _nothing(scope: str) -> dict[str, Any]:
    return {
        "code": "NO_RESULTS_ON_PAGE",
        "message": f"There are no results for scope '{scope}' on this page.",
        "data": [{"key": "scope", "value": scope}],
    }


def _page(call: Call, items: list[Scoped]) -> tuple[list[Scoped], str]:
    _, descriptor = item_type(call.method.response.DESCRIPTOR)
    if text := call.params.get("filter"):
        test = matcher(text, descriptor)
        items = [each for each in items if test(each[1])]
    newest_first = _newest_first(call.params.get("orderBy", ""))
    if newest_first:
        items = sorted(items, key=_age, reverse=True)
    start = 0
    if token := call.params.get("pageToken"):
        start = _start(items, _read_token(token), newest_first)
    most = _most(call.params.get("maxResults"))
    chosen = items[start : start + most]
    more = len(items) > start + most
    return chosen, _make_token((_age if newest_first else _key)(chosen[-1])) if chosen and more else ""


def _start(items: list[Scoped], after: list[str], newest_first: bool) -> int:
    """Where a page begins that follows the item of this key, which may be gone by now."""
    if newest_first:
        return next((index for index, each in enumerate(items) if _age(each) < after), len(items))
    return bisect_right(items, after, key=_key)


def _newest_first(order: str) -> bool:
    if order in ("", "name", "name asc"):
        return False
    if order == "creationTimestamp desc":
        return True
    raise invalid("orderBy", order, "Sorting by the specified field or in the specified order is not supported.")


def _key(item: Scoped) -> list[str]:
    """The order of a list: by scope and name; errors, which have no name, by time and instance."""
    scope, resource = item
    name = str(resource.get("name") or resource.get("instance") or resource.get("timestamp") or "")
    details = resource.get("instanceActionDetails", {})
    return [scope, name, str(details.get("instance", ""))]


def _age(item: Scoped) -> list[str]:
    scope, resource = item
    return [str(resource.get("creationTimestamp") or resource.get("insertTime") or ""), scope, _key(item)[1]]


def _most(given: Any) -> int:
    if given is None:
        return MOST
    most = int(given)
    if not 0 <= most <= MOST:
        text = f"Invalid value '{most}'. Values must be within the range: [0, {MOST}]"
        raise GoogleError("INVALID_ARGUMENT", text, reason="invalidParameter", location="maxResults")
    return most or MOST


def _make_token(key: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str) -> list[str]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        key = None
    if not (isinstance(key, list) and len(key) == 3 and all(isinstance(each, str) for each in key)):
        raise invalid("pageToken", token, "The page token is not one that this list gave.")
    return key
