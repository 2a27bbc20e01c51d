"""Pages of Monitoring's lists: the token says how much was given already."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from localcloud.errors import GoogleError
from localcloud.monitoring.series import Series


def given_before(token: str | None) -> int:
    """How many items earlier pages had."""
    if not token:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        raise GoogleError("INVALID_ARGUMENT", "Field pageToken had an invalid value.") from None


def token_after(count: int) -> str:
    """The token of the page that begins after `count` items."""
    return base64.b64encode(str(count).encode()).decode()


def page(items: Sequence[dict[str, Any]], params: dict[str, Any], *, key: str, limit: int = 1000) -> dict[str, Any]:
    """One page; `pageSize` 0 means as many as the API gives at most."""
    start = given_before(params.get("pageToken"))
    size = min(max(int(params.get("pageSize", 0)), 0) or limit, limit)
    answer: dict[str, Any] = {key: list(items[start : start + size])}
    if start + size < len(items):
        answer["nextPageToken"] = token_after(start + size)
    return answer


def page_of_points(found: Sequence[Series], *, token: str | None, size: int) -> tuple[list[Series], str]:
    """A page that has at most `size` points, as the FULL view counts; a series may go on in the next page."""
    skip, room = given_before(token), size
    pages: list[Series] = []
    passed = 0
    for series in found:
        points = series["points"]
        chosen = points[max(0, skip - passed) :][:room]
        passed += len(points)
        if chosen:
            pages.append({**series, "points": chosen})
            room -= len(chosen)
        if room == 0:
            break
    total = sum(len(each["points"]) for each in found)
    done = skip + size - room
    return pages, token_after(done) if done < total else ""
