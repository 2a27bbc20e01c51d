"""Long-running operations: what the API shows of them, and the steps behind them that the world's clock carries out.

A record: {"operation": the API's object, "target": path, "method", "caller", "principal", "request",
"plan": what the steps need, "stage": the next step, "cancelled": bool}.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.rpc import code_pb2

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.gke import audit, names, refusals
from localcloud.gke.names import Target
from localcloud.world import Table, World

log = logging.getLogger(__name__)

Json = dict[str, Any]
# A step returns the next stage and the seconds until then; None when the work is done. It may raise GoogleError.
Step = Callable[[Json], tuple[str, float] | None]
Ending = Callable[[Json], None]

CONCURRENT = 5
CANCELLABLE = ("UPGRADE_NODES", "CREATE_NODE_POOL", "DELETE_NODE_POOL")


class Operations:
    """The table `gke.operations` and its life."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps: dict[str, Step] = {}
        self._endings: dict[str, Ending] = {}
        world.simulation.on("gke.operation", self._carry_on)

    @property
    def _table(self) -> Table:
        return self._world.table("gke.operations")

    def step(self, stage: str, step: Step) -> None:
        """Name who does a stage."""
        self._steps[stage] = step

    def ending(self, kind: str, ending: Ending) -> None:
        """Call this when an operation of a type ends, well (`operation` without error) or badly."""
        self._endings[kind] = ending

    def start(
        self, kind: str, target: str, call: Call | None, *, stage: str, after: float, plan: Json | None = None
    ) -> Json:
        """A new operation on a cluster or pool; `call` is None for GKE's own doing. Gives the API's object."""
        place, now = names.of_path(target), self._now()
        dice = self._world.simulation.random
        name = f"operation-{int(self._world.simulation.now() * 1000)}-{uuid.UUID(int=dice.getrandbits(128), version=4)}"
        path = f"{place.parent_path}/operations/{name}"
        operation: Json = {
            "name": name,
            "zone": place.location,
            "location": place.location,
            "operationType": kind,
            "status": "RUNNING",
            "selfLink": names.numbered_link(path, self._world),
            "targetLink": names.numbered_link(target, self._world),
            "startTime": now,
        }
        method = f"{audit.PUBLIC}.{call.method.name}" if call else f"{audit.INTERNAL}.UpdateClusterInternal"
        self._table[path] = record = {
            "operation": operation,
            "target": target,
            "method": method,
            "caller": call.caller if call else "",
            "principal": f"platform@{place.project}.example",
            "request": call.params if call else {},
            "plan": plan or {},
            "stage": stage,
            "cancelled": False,
        }
        audit.publish(self._world, record, first=True)
        self._world.simulation.after(after, "gke.operation", path)
        return operation

    def check_free(self, target: str) -> None:
        """400 while an operation on the cluster or this pool runs, 429 when the cluster has too many."""
        place = names.of_path(target)
        running = [each for each in self._table.values() if self._runs_in(each, place.cluster_path)]
        for each in running:
            other = names.of_path(each["target"]).pool
            if not other or not place.pool or other == place.pool:
                raise refusals.busy(each["operation"]["name"])
        if len(running) >= CONCURRENT:
            raise refusals.too_many(place.cluster, CONCURRENT)

    def running_on(self, target: str) -> list[Json]:
        """Unfinished operations on exactly this cluster or pool."""
        return [each for each in self._table.values() if each["target"] == target and _unfinished(each)]

    def _runs_in(self, record: Json, cluster_path: str) -> bool:
        return _unfinished(record) and names.of_path(record["target"]).cluster_path == cluster_path

    def _carry_on(self, path: str) -> None:
        record = self._table.get(path)
        if record is None or not _unfinished(record):
            return
        try:
            if record["cancelled"]:
                raise GoogleError("CANCELLED", "Operation was cancelled.")
            following = self._steps[record["stage"]](record)
        except GoogleError as error:
            self._end(record, error)
            return
        if following is None:
            self._end(record, None)
            return
        record["stage"], delay = following
        self._world.simulation.after(delay, "gke.operation", path)

    def _end(self, record: Json, error: GoogleError | None) -> None:
        operation = record["operation"]
        operation["status"] = "DONE"
        operation["endTime"] = self._now()
        if error is not None:
            operation["error"] = {"code": code_pb2.Code.Value(error.status), "message": error.message}
            operation["statusMessage"] = error.message
        if operation["operationType"] in self._endings:
            self._endings[operation["operationType"]](record)
        audit.publish(self._world, record, first=False)

    def _now(self) -> str:
        """RFC 3339 with nanoseconds."""
        now = self._world.simulation.now()
        moment = datetime.fromtimestamp(now, UTC)
        return (
            f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{self._world.simulation.random.randrange(1000):03d}Z"
        )

    # The methods

    def get(self, call: Call) -> Answer:
        """GetOperation."""
        return dict(self._record(names.target_of(call.params, self._world))["operation"])

    def list(self, call: Call) -> Answer:
        """ListOperations; `-` is everywhere."""
        place = names.target_of(call.params, self._world)
        start = f"projects/{place.project}/locations/" + ("" if place.location == "-" else f"{place.location}/")
        found = [each["operation"] for path, each in self._table.items() if path.startswith(start)]
        return {"operations": found}

    def cancel(self, call: Call) -> Answer:
        """CancelOperation."""
        record = self._record(names.target_of(call.params, self._world))
        operation = record["operation"]
        if operation["status"] == "DONE":
            raise refusals.precondition(f"Operation {operation['name']} is already done.")
        if operation["operationType"] not in CANCELLABLE:
            raise refusals.precondition(
                f"Operation {operation['name']} of type {operation['operationType']} cannot be cancelled."
            )
        record["cancelled"] = True
        operation["status"] = "ABORTING"
        return {}

    def _record(self, target: Target) -> Json:
        found = self._table.get(target.operation_path)
        if found is None:
            raise refusals.not_found(names.shown(target.operation_path))
        return found  # type: ignore[no-any-return]


def _unfinished(record: Json) -> bool:
    return bool(record["operation"]["status"] != "DONE")
