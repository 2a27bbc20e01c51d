"""Operations: what Compute answers to every write, and how they come to an end.

An operation is PENDING, RUNNING, then DONE. What it does at its end is an effect: a name and JSON arguments, kept in
the world, so that a saved world goes on. An effect that raises a GoogleError fails the operation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.compute.lists import aggregated, page
from localcloud.compute.places import Places
from localcloud.compute.references import last, location_fields, self_link
from localcloud.compute.refusals import OPERATION_CODES
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.timings import seconds
from localcloud.dispatch import Answer, Call, Handler
from localcloud.errors import GoogleError

LONGEST_WAIT = 120.0
USER = "developer@localcloud.example"
Effect = Callable[..., None]


class Operations:
    """Begins operations, brings them to their end, and answers zone-, region- and globalOperations."""

    def __init__(self, resources: Resources, places: Places) -> None:
        self._resources = resources
        self._places = places
        self._world = resources.world
        self._effects: dict[str, Effect] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self.effect("refuse", _refuse)
        self._world.simulation.on("compute.operation.run", self._run)
        self._world.simulation.on("compute.operation.finish", self._finish)

    def effect(self, name: str, function: Effect) -> None:
        """Name what an operation may do at its end."""
        self._effects[name] = function

    def begin(
        self,
        kind: str,
        target: str,
        *,
        effect: str | None = None,
        args: list[Any] | None = None,
        takes: float | None = None,
        done: bool = False,
        target_id: str | None = None,
    ) -> Resource:
        """A new operation on the resource at path `target`, in the target's scope.

        `takes`: the world's seconds until its end; `done`: it is at its end at once (a write that only schedules).
        """
        name = self._name()
        scope = "/".join(target.split("/")[: 3 if target.split("/")[2] == "global" else 4])
        path = f"{scope}/operations/{name}"
        now = self._world.simulation.timestamp()
        held = self._resources.find(target)
        operation: Resource = {
            "kind": "compute#operation",
            "id": self._world.unique_id(),
            "name": name,
            "operationType": kind,
            "targetLink": self_link(target),
            "targetId": target_id or str((held or {}).get("id") or self._world.unique_id()),
            "status": "PENDING",
            "user": USER,
            "progress": 0,
            "insertTime": now,
            "selfLink": self_link(path),
            **location_fields(path),
        }
        self._resources.table("operations")[path] = operation
        if effect is not None:
            self._resources.table("effects")[path] = [effect, *(args or [])]
        if done:
            self._run(path)
            self._finish(path)
        else:
            length = seconds(self._world, "operation") if takes is None else takes
            self._world.simulation.after(min(0.5, length / 2), "compute.operation.run", path)
            self._world.simulation.after(length, "compute.operation.finish", path)
        return operation

    def begin_refused(self, kind: str, target: str, error: GoogleError) -> Resource:
        """An operation that fails at its end with this error."""
        args = [error.status, error.message, error.code, error.reason]
        return self.begin(kind, target, effect="refuse", args=args)

    def is_done(self, path: str) -> bool:
        """Whether the operation at this path is over (a forgotten one is)."""
        operation = self._resources.find(path)
        return operation is None or operation["status"] == "DONE"

    def finish_later(self, path: str, after: float) -> None:
        """Look again later: for operations that end when something else has ended."""
        self._world.simulation.after(after, "compute.operation.finish", path)

    def _name(self) -> str:
        dice = self._world.simulation.random
        moment = int(self._world.simulation.now() * 1000)
        return f"operation-{moment}-{dice.getrandbits(52):013x}-{dice.getrandbits(32):08x}-{dice.getrandbits(32):08x}"

    def _run(self, path: str) -> None:
        operation = self._resources.find(path)
        if operation is not None and operation["status"] == "PENDING":
            operation |= {"status": "RUNNING", "startTime": self._world.simulation.timestamp()}

    def _finish(self, path: str) -> None:
        operation = self._resources.find(path)
        if operation is None or operation["status"] == "DONE":
            return
        effect = self._resources.table("effects").pop(path, None)
        if effect is not None:
            name, *args = effect
            try:
                self._effects[name](*args)
            except Unfinished as later:
                self._resources.table("effects")[path] = effect
                self.finish_later(path, later.seconds)
                return
            except GoogleError as error:
                operation |= failure(error)
        now = self._world.simulation.timestamp()
        operation.setdefault("startTime", now)
        operation |= {"status": "DONE", "progress": 100, "endTime": now}
        for waiter in self._waiting.pop(path, []):
            if not waiter.done():
                waiter.set_result(None)

    # The methods

    def handlers(self) -> Mapping[str, Handler]:
        """zoneOperations, regionOperations, globalOperations."""
        handlers: dict[str, Handler] = {}
        for service in ("zone_operations", "region_operations", "global_operations"):
            handlers |= {
                f"{service}.Get": self.get,
                f"{service}.List": self.list_,
                f"{service}.Wait": self.wait,
                f"{service}.Delete": self.delete,
            }
        return handlers | {"global_operations.AggregatedList": self.aggregated_list}

    def get(self, call: Call) -> Answer:
        """The operation as it is."""
        return self._resources.get(self._path(call))

    def list_(self, call: Call) -> Answer:
        """A scope's operations."""
        scope = self._places.scope(call.params)
        found = self._resources.within(scope, "operations")
        return page(call, found, kind="operationList", path=f"{scope}/operations")

    def aggregated_list(self, call: Call) -> Answer:
        """All operations of a project."""
        project = call.params["project"]
        held = self._resources.scopes(project, "operations")
        scopes = self._places.all_scopes()
        path = f"projects/{project}/aggregated/operations"
        return aggregated(call, held, kind="operationAggregatedList", path=path, scopes=scopes)

    def delete(self, call: Call) -> Answer:
        """Forget an operation."""
        path = self._path(call)
        self._resources.get(path)
        self._resources.remove(path)
        return {}

    async def wait(self, call: Call) -> Answer:
        """Long poll: answer when it is over, or after two minutes as it is then."""
        path = self._path(call)
        operation = self._resources.get(path)
        if self._world.simulation.manual:
            self._world.simulation.until(lambda: self.is_done(path), limit=LONGEST_WAIT)
        elif not self.is_done(path):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(path, []).append(waiter)
            started = time.monotonic()
            await asyncio.wait([waiter], timeout=max(0.0, LONGEST_WAIT - (time.monotonic() - started)))
        return operation

    def _path(self, call: Call) -> str:
        return f"{self._places.scope(call.params)}/operations/{last(call.params['operation'])}"


def _refuse(status: str, message: str, code: int, reason: str) -> None:
    raise GoogleError(status, message, code=code, reason=reason)


class Unfinished(Exception):
    """Raised by an effect whose work goes on; `seconds` until it is asked again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"ask again in {seconds} s")
        self.seconds = seconds


def failure(error: GoogleError) -> Resource:
    """What a failed operation carries."""
    code = OPERATION_CODES.get(error.reason or "", error.status)
    phrases = {400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND", 409: "CONFLICT", 412: "PRECONDITION FAILED"}
    return {
        "error": {"errors": [{"code": code, "message": error.message}]},
        "httpErrorStatusCode": error.code,
        "httpErrorMessage": phrases.get(error.code, "SERVICE UNAVAILABLE"),
    }
