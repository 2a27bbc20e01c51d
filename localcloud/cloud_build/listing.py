"""Lists of builds: filter and pages.

Filter fields: https://cloud.google.com/build/docs/view-build-results#filtering_build_results_using_queries
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from localcloud.errors import GoogleError
from localcloud.expressions import Comparison, FilterError, comparisons, holds, parse

_TIMES = {"create_time": "createTime", "start_time": "startTime", "finish_time": "finishTime"}
_STRINGS = {
    "build_id": "id", "id": "id", "project_id": "projectId", "status": "status", "tags": "tags", "images": "images",
    "trigger_id": "buildTriggerId", "build_trigger_id": "buildTriggerId", "service_account": "serviceAccount",
    "options.requested_verify_option": "options.requestedVerifyOption",
    "results.images.digest": "results.images.digest", "results.images.name": "results.images.name",
    "source_provenance.resolved_repo_source.commit_sha": "sourceProvenance.resolvedRepoSource.commitSha",
    "source.repo_source.branch_name": "source.repoSource.branchName",
    "source.repo_source.commit_sha": "source.repoSource.commitSha",
    "source.repo_source.repo_name": "source.repoSource.repoName",
    "source.repo_source.tag_name": "source.repoSource.tagName",
    "source.storage_source.bucket": "source.storageSource.bucket",
    "source.storage_source.object": "source.storageSource.object",
}  # fmt: skip
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def filtered(builds: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The builds a filter takes. Errors: INVALID_ARGUMENT, `invalid filter: ...`."""
    try:
        term = parse(text)
    except FilterError as wrong:
        raise _invalid(f'could not parse "{text}": {wrong}') from None
    for comparison in comparisons(term):
        _check(comparison)
    return [build for build in builds if holds(term, lambda each, build=build: _test(each, build))]  # type: ignore[misc]


def page(items: Sequence[dict[str, Any]], params: dict[str, Any], *, key: str, default: int = 50) -> dict[str, Any]:
    """One page of a list whose items have unique ids; the token names the last item given."""
    size = params.get("pageSize", 0)
    if size < 0:
        raise GoogleError("INVALID_ARGUMENT", "page_size must not be negative")
    start = 0
    if token := params.get("pageToken"):
        try:
            last = base64.b64decode(token, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            last = ""
        places = [index for index, each in enumerate(items) if each["id"] == last]
        if not places:
            raise GoogleError("INVALID_ARGUMENT", "invalid page token")
        start = places[0] + 1
    chosen = list(items[start : start + min(size or default, 1000)])
    answer: dict[str, Any] = {key: chosen}
    if start + len(chosen) < len(items):
        answer["nextPageToken"] = base64.b64encode(chosen[-1]["id"].encode()).decode()
    return answer


def _invalid(text: str) -> GoogleError:
    return GoogleError("INVALID_ARGUMENT", f"invalid filter: {text}")


def _check(comparison: Comparison) -> None:
    if comparison.field in _TIMES:
        try:
            datetime.fromisoformat(comparison.values[0])
        except ValueError:
            raise _invalid(f'invalid timestamp "{comparison.values[0]}" for field {comparison.field}') from None
    elif _string_field(comparison.field) is None:
        raise _invalid(f'unknown field "{comparison.field}"')
    elif comparison.operator not in ("=", "!=", ":"):
        raise _invalid(f'operator "{comparison.operator}" cannot be used on field {comparison.field}')


def _string_field(name: str) -> str | None:
    if name.startswith("substitutions."):
        return name
    return _STRINGS.get(name)


def _test(comparison: Comparison, build: dict[str, Any]) -> bool:
    wanted = comparison.values[0]
    if comparison.field in _TIMES:
        text = build.get(_TIMES[comparison.field])
        if text is None:
            return False
        found, limit = datetime.fromisoformat(text), datetime.fromisoformat(wanted)
        limit = limit if limit.tzinfo else limit.replace(tzinfo=found.tzinfo)
        return (
            found != limit
            if comparison.operator == "!="
            else _ORDER[comparison.operator.replace(":", "=")](found, limit)
        )
    held = wanted in _values(build, (_string_field(comparison.field) or "").split("."))
    return not held if comparison.operator == "!=" else held


def _values(value: Any, path: list[str]) -> list[str]:
    """The strings at a path; lists are walked through."""
    if isinstance(value, list):
        return [found for each in value for found in _values(each, path)]
    if not path:
        return [str(value)]
    return _values(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else []
