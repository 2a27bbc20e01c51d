"""instanceGroups as the groups' shadow: gcloud reads sizes and members there (reference: compute `instanceGroups`)."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.compute.lists import aggregated, page
from localcloud.compute.members import Members, instance_path
from localcloud.compute.places import Places
from localcloud.compute.references import path_in
from localcloud.compute.resources import Resource, Resources
from localcloud.dispatch import Answer, Call, Handler


class InstanceGroups:
    """instanceGroups and regionInstanceGroups."""

    def __init__(self, resources: Resources, places: Places, members: Members) -> None:
        self._resources = resources
        self._places = places
        self._members = members

    def handlers(self) -> Mapping[str, Handler]:
        """Get, List, AggregatedList, ListInstances."""
        return {
            "instance_groups.Get": lambda call: self._shown(self._resources.get(self._path(call))),
            "instance_groups.List": self.list_,
            "instance_groups.AggregatedList": self.aggregated_list,
            "instance_groups.ListInstances": self.list_instances,
            "region_instance_groups.Get": lambda call: self._resources.get(self._path(call)),
            "region_instance_groups.List": self.list_,
        }

    def list_(self, call: Call) -> Answer:
        """A scope's groups."""
        scope = self._places.scope(call.params)
        found = [self._shown(each) for each in self._resources.within(scope, "instanceGroups")]
        return page(call, found, kind="instanceGroupList", path=f"{scope}/instanceGroups")

    def aggregated_list(self, call: Call) -> Answer:
        """All groups of a project."""
        project = call.params["project"]
        held = self._resources.scopes(project, "instanceGroups")
        return aggregated(
            call,
            {scope: [self._shown(each) for each in groups] for scope, groups in held.items()},
            kind="instanceGroupAggregatedList",
            path=f"projects/{project}/aggregated/instanceGroups",
            scopes=self._places.region_scopes() + self._places.zone_scopes(),
        )

    def list_instances(self, call: Call) -> Answer:
        """The VMs of a group; `instanceState: RUNNING` leaves out those that are not up."""
        path = self._path(call)
        self._resources.get(path)
        wanted = call.params.get("instanceGroupsListInstancesRequestResource", {}).get("instanceState", "ALL")
        found = []
        for each in self._instances(path):
            if wanted != "RUNNING" or each["status"] == "RUNNING":
                found.append({"instance": each["selfLink"], "status": each["status"]})
        return page(call, found, kind="instanceGroupsListInstances", path=f"{path}/listInstances")

    def _instances(self, path: str) -> list[Resource]:
        manager = path.replace("/instanceGroups/", "/instanceGroupManagers/")
        found = [self._resources.find(instance_path(manager, name)) for name in sorted(self._members.of(manager))]
        return [each for each in found if each is not None]

    def _shown(self, group: Resource) -> Resource:
        return group | {"size": len(self._instances(path_in(group["selfLink"])))}

    def _path(self, call: Call) -> str:
        return f"{self._places.scope(call.params)}/instanceGroups/{call.params['instanceGroup']}"
