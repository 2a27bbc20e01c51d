"""Changing a resource by its mask, and listing page by page."""

from __future__ import annotations

import base64
import copy
import re
from typing import Any

from localcloud.dispatch import Answer
from localcloud.pubsub.limits import invalid

PAGE_SIZE = 100


def changed(
    resource: dict[str, Any], wanted: dict[str, Any], update_mask: str, *, kind: str, mutable: set[str]
) -> dict[str, Any]:
    """The resource with the mask's fields taken from `wanted`; a field that is not there goes back to its default.

    `kind`: `Topic`, `Subscription` or `Snapshot`; `update_mask` as JSON prints it (`labels,pushConfig.pushEndpoint`).
    """
    if not update_mask:
        raise invalid(
            f"The update_mask in the Update{kind}Request must be set, and must contain a non-empty paths list."
        )
    fresh = copy.deepcopy(resource)
    for path in update_mask.split(","):
        field, _, inner = path.partition(".")
        if field not in mutable:
            raise _refused(path, kind, known=field in resource)
        if inner:
            part = {**fresh.get(field, {})}
            _put(part, inner, wanted.get(field, {}).get(inner))
            fresh[field] = part
        else:
            _put(fresh, field, wanted.get(field))
    return fresh


def _put(target: dict[str, Any], field: str, value: Any) -> None:
    target.pop(field, None)
    if value is not None:
        target[field] = copy.deepcopy(value)


def _refused(path: str, kind: str, *, known: bool) -> Exception:
    snake = re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), path)
    start = f"Invalid update_mask provided in the Update{kind}Request: "
    if known:
        return invalid(f"{start}the '{snake}' field in the {kind} is not mutable.")
    return invalid(
        f"{start}'{snake}' is not a known {kind} field. "
        "Note that field paths must be of the form 'push_config' rather than 'pushConfig'."
    )


def page(names: list[str], params: dict[str, Any]) -> tuple[list[str], Answer]:
    """One page of `names` in their order, and `{"nextPageToken": ...}` where more follow."""
    size = int(params.get("pageSize", 0)) or PAGE_SIZE
    if size < 0:
        raise invalid("You have passed an invalid argument to the service (argument=page_size).")
    after = _after(params.get("pageToken", ""))
    rest = sorted(name for name in names if name > after)
    more = {"nextPageToken": base64.urlsafe_b64encode(rest[size - 1].encode()).decode()} if len(rest) > size else {}
    return rest[:size], more


def _after(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise invalid(f"Invalid page token given (page_token={token}).") from None
