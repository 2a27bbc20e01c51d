"""Resize requests: so many members more, all at once or not yet
(reference: compute `instanceGroupManagerResizeRequests`).

The target size rises at once; the members come when the zone has room for all of them, and go when their run duration
is over. CREATING, ACCEPTED, then SUCCEEDED, FAILED or CANCELLED.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.lists import page
from localcloud.compute.managers import Managers
from localcloud.compute.members import Members, instance_path
from localcloud.compute.operations import Operations, failure
from localcloud.compute.references import check_name
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.timings import seconds
from localcloud.compute.updates import WAITING, Updates
from localcloud.compute.vms import Vms
from localcloud.dispatch import Answer, Call, Handler
from localcloud.errors import GoogleError

SHORTEST_RUN = 600
LONGEST_RUN = 7 * 24 * 3600


class ResizeRequests:
    """instanceGroupManagerResizeRequests."""

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        managers: Managers,
        members: Members,
        updates: Updates,
        vms: Vms,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._managers = managers
        self._members = members
        self._updates = updates
        self._vms = vms
        self._simulation = resources.world.simulation
        self._simulation.on("compute.request.try", self._try)

    def handlers(self) -> Mapping[str, Handler]:
        """Insert, Get, List, Cancel, Delete."""
        name = "instance_group_manager_resize_requests"
        return {
            f"{name}.Insert": self.insert,
            f"{name}.Get": lambda call: self._resources.get(self._path(call)),
            f"{name}.List": self.list_,
            f"{name}.Cancel": self.cancel,
            f"{name}.Delete": self.delete,
        }

    def insert(self, call: Call) -> Answer:
        """A new request; its name is taken for good, which makes it the key of idempotency."""
        group_path = self._managers.path(call)
        body = call.params.get("instanceGroupManagerResizeRequestResource", {})
        path = f"{group_path}/resizeRequests/{check_name(body)}"
        count = self._count(group_path, body)
        _check_duration(body.get("requestedRunDuration"))
        kept = ("description", "requestedRunDuration", "instances")
        request = {key: body[key] for key in kept if key in body}
        request |= {"resizeBy": count, "state": "CREATING", "status": {}}
        self._resources.add(path, request, kind="instanceGroupManagerResizeRequest")
        group = self._resources.get(group_path)
        group["targetSize"] = int(group["targetSize"]) + count
        self._simulation.after(seconds(self._resources.world, "attempt"), "compute.request.try", path)
        return self._operations.begin("compute.instanceGroupManagers.createResizeRequest", group_path)

    def list_(self, call: Call) -> Answer:
        """A group's requests."""
        path = self._managers.path(call)
        found = self._resources.within(path, "resizeRequests")
        return page(call, found, kind="instanceGroupManagerResizeRequestList", path=f"{path}/resizeRequests")

    def cancel(self, call: Call) -> Answer:
        """Cancel a request that has not got its instances; the target size falls again."""
        path = self._path(call)
        request = self._resources.get(path)
        if request["state"] not in WAITING:
            text = f"Resize request '{path}' cannot be cancelled in state {request['state']}."
            raise refusals.bad_condition(text)
        request["state"] = "CANCELLED"
        self._lower(path, int(request["resizeBy"]))
        return self._operations.begin("compute.instanceGroupManagers.cancelResizeRequest", _group(path))

    def delete(self, call: Call) -> Answer:
        """Forget a request that is over."""
        path = self._path(call)
        if self._resources.get(path)["state"] in WAITING:
            raise refusals.bad_condition(f"Resize request '{path}' is in progress; cancel it before deleting it.")
        self._resources.remove(path)
        return self._operations.begin("compute.instanceGroupManagers.deleteResizeRequest", _group(path))

    def _path(self, call: Call) -> str:
        return f"{self._managers.path(call)}/resizeRequests/{call.params['resizeRequest']}"

    def _count(self, group: str, body: dict[str, Any]) -> int:
        """How many members a request is for: a number, or names."""
        names = [each.get("name", "") for each in body.get("instances", [])]
        if names and body.get("resizeBy"):
            raise refusals.invalid("resource.resizeBy", body["resizeBy"], "Cannot be used together with 'instances'.")
        for name in names:
            if name in self._members.of(group):
                raise refusals.already_exists(instance_path(group, name))
        count = len(names) or int(body.get("resizeBy", 0))
        if count <= 0:
            raise refusals.invalid("resource.resizeBy", count, "Must be greater than or equal to 1")
        return count

    def _try(self, path: str) -> None:
        request = self._resources.find(path)
        if request is None or request["state"] not in WAITING:
            return
        request["state"] = "ACCEPTED"
        group_path = _group(path)
        group = self._resources.get(group_path)
        template, version = self._updates.next_version(group_path, group)
        count = int(request["resizeBy"])
        try:
            self._vms.check_room(group_path, self._resources.get(template)["properties"], count)
        except GoogleError as error:
            request["status"] = {"lastAttempt": {"error": failure(error)["error"]}}
            self._simulation.after(seconds(self._resources.world, "retry"), "compute.request.try", path)
            return
        request |= {"state": "SUCCEEDED", "status": {}}
        chosen = [each["name"] for each in request.get("instances", [])]
        for index in range(count):
            name = chosen[index] if chosen else self._members.free_name(group_path, group["baseInstanceName"])
            runs = request.get("requestedRunDuration")
            self._members.create(group_path, name, template=template, version=version, runs=runs)

    def _lower(self, path: str, count: int) -> None:
        group: Resource | None = self._resources.find(_group(path))
        if group is not None:
            group["targetSize"] = max(0, int(group["targetSize"]) - count)


def _group(path: str) -> str:
    return path.partition("/resizeRequests/")[0]


def _check_duration(duration: dict[str, Any] | None) -> None:
    if duration is None:
        return
    given = int(duration.get("seconds", 0))
    if not SHORTEST_RUN <= given <= LONGEST_RUN:
        why = f"Must be between {SHORTEST_RUN} and {LONGEST_RUN} seconds."
        raise refusals.invalid("resource.requestedRunDuration.seconds", given, why)
