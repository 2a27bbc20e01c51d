"""Watches: the log replayed and then followed, as a stream of JSON lines.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
Timeouts are real seconds: a client waits on its own clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from localcloud.kubernetes.bodies import JSON, YAML, Accepted, encode
from localcloud.kubernetes.errors import FieldError, expired, invalid
from localcloud.kubernetes.kinds import Kind
from localcloud.kubernetes.listing import integer, selection, version_number
from localcloud.kubernetes.objects import Objects, versioned
from localcloud.kubernetes.selectors import Test
from localcloud.kubernetes.store import Change

Json = dict[str, Any]
Shape = Callable[[Json], Json]

BOOKMARK_SECONDS = 30.0
INITIAL_END = "k8s.io/initial-events-end"


def event_of(change: Change, test: Test) -> tuple[str, Json] | None:
    """What a watcher with this selection is told of a change; None when it is none of its business."""
    fits = test(change.object)
    if change.type != "MODIFIED" or change.previous is None:
        return (change.type, change.object) if fits else None
    fitted = test(change.previous)
    if fits:
        return ("MODIFIED" if fitted else "ADDED", change.object)
    return ("DELETED", change.object) if fitted else None


class Watch:
    """One client's watch of one kind."""

    def __init__(
        self, *, objects: Objects, kind: Kind, namespace: str, name: str, query: Mapping[str, str], shape: Shape
    ) -> None:
        self._objects = objects
        self._kind = kind
        self._shape = shape
        self._query = query
        selected = selection(kind, query, name)
        self._test: Test = (
            (lambda obj: obj["metadata"].get("namespace") == namespace and selected(obj)) if namespace else selected
        )
        self._initial = query.get("sendInitialEvents") in ("true", "1")
        self._check()

    def _check(self) -> None:
        problems: list[FieldError] = []
        if "sendInitialEvents" in self._query:
            if self._query.get("resourceVersionMatch") != "NotOlderThan":
                why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                problems.append(FieldError("resourceVersionMatch", "FieldValueForbidden", f"Forbidden: {why}"))
        elif self._query.get("resourceVersionMatch"):
            why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            problems.append(FieldError("resourceVersionMatch", "FieldValueForbidden", f"Forbidden: {why}"))
        if problems:
            raise invalid("meta.k8s.io", "ListOptions", "", problems)
        self._timeout = integer(self._query, "timeoutSeconds")
        self._since = version_number(self._query.get("resourceVersion", ""))

    async def serve(self, request: web.Request, accepted: Accepted) -> web.StreamResponse:
        """Stream until the client's timeout, or until it hangs up."""
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        changes: asyncio.Queue[Change] = asyncio.Queue()
        end = self._objects.store.subscribe(
            lambda change: changes.put_nowait(change) if change.key == self._kind.key else None
        )
        start = self._objects.store.version
        line = Accepted(JSON if accepted.media == YAML else accepted.media, accepted.parameters)
        try:
            await response.prepare(request)
            for kind_of_event, obj in list(self._first()):
                await response.write(encode(self._wrap(kind_of_event, obj), line))
            if not self._is_too_old():
                await self._follow(response, changes, line, start)
        except ConnectionResetError:
            pass  # the client went away: nothing to tell it
        finally:
            end()
        return response

    async def _follow(
        self, response: web.StreamResponse, changes: asyncio.Queue[Change], line: Accepted, start: int
    ) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + (self._timeout or 1800 + random.random() * 1800)
        bookmarks = self._query.get("allowWatchBookmarks") in ("true", "1")
        while (left := ends - loop.time()) > 0:
            try:
                change = await asyncio.wait_for(changes.get(), min(left, BOOKMARK_SECONDS))
            except TimeoutError:
                if bookmarks:
                    await response.write(encode(self._bookmark(), line))
                continue
            told = event_of(change, self._test) if change.version > start else None
            if told is not None:
                await response.write(encode(self._wrap(*told), line))

    def _is_too_old(self) -> bool:
        return self._since > 0 and not self._initial and not self._objects.store.knows_since(self._since)

    def _first(self) -> Iterator[tuple[str, Json]]:
        """What a new watch begins with: the present, or what was missed, or the news that it is lost."""
        store = self._objects.store
        if self._is_too_old():
            gone = expired(f"too old resource version: {self._since} ({store.version})")
            yield "ERROR", gone.status()
        elif self._initial or not self._since:
            if self._query.get("sendInitialEvents") != "false":
                for obj in self._objects.select(self._kind, "", self._test):
                    yield "ADDED", obj
            if self._initial:
                marker = self._marker()
                marker["metadata"]["annotations"] = {INITIAL_END: "true"}
                yield "BOOKMARK", marker
        else:
            for change in store.since(self._since, self._kind.key):
                told = event_of(change, self._test)
                if told is not None:
                    yield told

    def _marker(self) -> Json:
        return {
            "kind": self._kind.kind, "apiVersion": self._kind.api_version,
            "metadata": {"resourceVersion": str(self._objects.store.version), "creationTimestamp": None},
        }  # fmt: skip

    def _bookmark(self) -> Json:
        return {"type": "BOOKMARK", "object": self._shape(self._marker())}

    def _wrap(self, kind_of_event: str, obj: Json) -> Json:
        if kind_of_event == "ERROR":
            return {"type": kind_of_event, "object": obj}
        shown = obj if kind_of_event == "BOOKMARK" else versioned(self._kind, obj)
        return {"type": kind_of_event, "object": self._shape(shown)}
