"""The methods of instanceGroupManagers: of the groups themselves (their members' are in `member_methods`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.compute.groups import Groups
from localcloud.compute.lists import aggregated, page
from localcloud.compute.members import Members
from localcloud.compute.operations import Operations, Unfinished
from localcloud.compute.places import Places
from localcloud.compute.references import path_in
from localcloud.compute.resources import Resource, Resources
from localcloud.dispatch import Answer, Call, Handler


class Managers:
    """instanceGroupManagers, and the empty regional kind."""

    def __init__(
        self, resources: Resources, places: Places, operations: Operations, groups: Groups, members: Members
    ) -> None:
        self._resources = resources
        self._places = places
        self._operations = operations
        self._groups = groups
        self._members = members
        operations.effect("group.delete", self._deleted)

    def handlers(self) -> Mapping[str, Handler]:
        """Insert, Get, List, AggregatedList, Patch, SetInstanceTemplate, Resize, SetTargetPools, Delete."""
        name = "instance_group_managers"
        return {
            f"{name}.Insert": self.insert,
            f"{name}.Get": lambda call: self._groups.shown(self.path(call)),
            f"{name}.List": self.list_,
            f"{name}.AggregatedList": self.aggregated_list,
            f"{name}.Patch": self.patch,
            f"{name}.SetInstanceTemplate": self.set_instance_template,
            f"{name}.Resize": self.resize,
            f"{name}.SetTargetPools": self.set_target_pools,
            f"{name}.Delete": self.delete,
            "region_instance_group_managers.Get": self._regional,
            "region_instance_group_managers.List": self.list_,
        }

    def path(self, call: Call) -> str:
        """The path of the group that a call names; 404 where there is none."""
        path = f"{self._places.scope(call.params)}/instanceGroupManagers/{call.params['instanceGroupManager']}"
        self._resources.get(path)
        return path

    def insert(self, call: Call) -> Answer:
        """A new group."""
        zone = self._places.scope(call.params)
        group = self._groups.make(zone, call.params.get("instanceGroupManagerResource", {}))
        return self._operations.begin("compute.instanceGroupManagers.insert", path_in(group["selfLink"]))

    def list_(self, call: Call) -> Answer:
        """A scope's groups."""
        scope = self._places.scope(call.params)
        found = self._shown(self._resources.within(scope, "instanceGroupManagers"))
        kind = "instanceGroupManagerList" if "zone" in call.params else "regionInstanceGroupManagerList"
        return page(call, found, kind=kind, path=f"{scope}/instanceGroupManagers")

    def aggregated_list(self, call: Call) -> Answer:
        """All groups of a project."""
        project = call.params["project"]
        held = self._resources.scopes(project, "instanceGroupManagers")
        scopes = self._places.region_scopes() + self._places.zone_scopes()
        if call.params.get("includeAllScopes"):
            scopes = ["global", *scopes]
        return aggregated(
            call,
            {scope: self._shown(groups) for scope, groups in held.items()},
            kind="instanceGroupManagerAggregatedList",
            path=f"projects/{project}/aggregated/instanceGroupManagers",
            scopes=scopes,
        )

    def patch(self, call: Call) -> Answer:
        """Change some of a group. The operation is over when the group is changed, whatever its members do."""
        path = self.path(call)
        body = with_nulls(call.params.get("instanceGroupManagerResource", {}), call.raw_body)
        self._groups.patch(path, body)
        return self._operations.begin("compute.instanceGroupManagers.patch", path)

    def set_instance_template(self, call: Call) -> Answer:
        """Another template for new members; no fingerprint asked."""
        path = self.path(call)
        body = call.params.get("instanceGroupManagersSetInstanceTemplateRequestResource", {})
        self._groups.patch(path, {"instanceTemplate": body.get("instanceTemplate"), "versions": None})
        return self._operations.begin("compute.instanceGroupManagers.setInstanceTemplate", path)

    def resize(self, call: Call) -> Answer:
        """Another target size."""
        path = self.path(call)
        self._groups.resize(path, int(call.params.get("size", 0)))
        return self._operations.begin("compute.instanceGroupManagers.resize", path, done=True)

    def set_target_pools(self, call: Call) -> Answer:
        """Target pools are remembered, nothing more."""
        path = self.path(call)
        body = call.params.get("instanceGroupManagersSetTargetPoolsRequestResource", {})
        self._resources.get(path)["targetPools"] = body.get("targetPools", [])
        return self._operations.begin("compute.instanceGroupManagers.setTargetPools", path)

    def delete(self, call: Call) -> Answer:
        """Delete a group with all its members; over when they are gone."""
        path = self.path(call)
        self.begin_delete(path)
        return self._operations.begin("compute.instanceGroupManagers.delete", path, effect="group.delete", args=[path])

    def begin_delete(self, path: str) -> None:
        """Send all members away."""
        self._resources.get(path)["targetSize"] = 0
        for name in list(self._members.staying(path)):
            self._members.delete(path, name)

    def finish_delete(self, path: str) -> None:
        """Forget the group."""
        self._resources.remove(path)
        self._resources.remove(path.replace("/instanceGroupManagers/", "/instanceGroups/"))
        for table in ("managedInstances", "groupErrors"):
            self._resources.table(table).pop(path, None)
        for request in self._resources.within(path, "resizeRequests"):
            self._resources.remove(path_in(request["selfLink"]))

    def _deleted(self, path: str) -> None:
        if self._members.of(path):
            raise Unfinished(1.0)
        self.finish_delete(path)

    def _regional(self, call: Call) -> Answer:
        return self._resources.get(self.path(call))

    def _shown(self, groups: list[Resource]) -> list[Resource]:
        return [self._groups.shown(path_in(each["selfLink"])) for each in groups]


def with_nulls(read: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """A body as read, with the nulls that the raw one has (they remove, in a JSON merge)."""
    body = dict(read)
    for key, value in raw.items():
        if value is None:
            body[key] = None
        elif isinstance(value, dict) and isinstance(body.get(key), dict):
            body[key] = with_nulls(body[key], value)
        elif isinstance(value, dict) and not value:
            body.setdefault(key, {})
    return body
