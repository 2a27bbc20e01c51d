"""Instance templates, global and regional (reference: compute `instanceTemplates`): immutable, named once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.catalog import machine
from localcloud.compute.lists import aggregated, page
from localcloud.compute.metadata import checked_metadata
from localcloud.compute.operations import Operations
from localcloud.compute.places import Places
from localcloud.compute.references import check_name, path_in, self_link
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.scheduling import completed
from localcloud.dispatch import Answer, Call, Handler


class Templates:
    """Instance templates and their methods."""

    def __init__(self, resources: Resources, places: Places, operations: Operations) -> None:
        self._resources = resources
        self._places = places
        self._operations = operations
        operations.effect("template.delete", self._delete)

    def make(self, scope: str, body: dict[str, Any]) -> Resource:
        """A template in `projects/P/global` or `projects/P/regions/R` of an InstanceTemplate body."""
        path = f"{scope}/instanceTemplates/{check_name(body)}"
        if self._resources.find(path) is not None:
            raise refusals.already_exists(path)
        if not body.get("properties"):
            if not body.get("sourceInstance"):
                raise refusals.required("resource.properties")
            raise refusals.bad_condition("The local stand-in makes no template from an instance; give the properties.")
        template: Resource = {"properties": _properties(body["properties"], scope)}
        template["description"] = body.get("description", "")
        return self._resources.add(path, template, kind="instanceTemplate")

    # The methods

    def handlers(self) -> Mapping[str, Handler]:
        """instanceTemplates and regionInstanceTemplates."""
        handlers: dict[str, Handler] = {}
        for service in ("instance_templates", "region_instance_templates"):
            handlers |= {
                f"{service}.Insert": self.insert,
                f"{service}.Get": lambda call: self._resources.get(self._path(call)),
                f"{service}.List": self.list_,
                f"{service}.Delete": self.delete,
            }
        return handlers | {"instance_templates.AggregatedList": self.aggregated_list}

    def insert(self, call: Call) -> Answer:
        """A new template, there at once."""
        template = self.make(self._places.scope(call.params), call.params.get("instanceTemplateResource", {}))
        return self._operations.begin("insert", path_in(template["selfLink"]))

    def list_(self, call: Call) -> Answer:
        """A scope's templates."""
        scope = self._places.scope(call.params)
        found = self._resources.within(scope, "instanceTemplates")
        return page(call, found, kind="instanceTemplateList", path=f"{scope}/instanceTemplates")

    def aggregated_list(self, call: Call) -> Answer:
        """All templates of a project."""
        project = call.params["project"]
        held = self._resources.scopes(project, "instanceTemplates")
        scopes = ["global", *self._places.region_scopes()]
        path = f"projects/{project}/aggregated/instanceTemplates"
        return aggregated(call, held, kind="instanceTemplateAggregatedList", path=path, scopes=scopes)

    def delete(self, call: Call) -> Answer:
        """Delete a template that no group names."""
        path = self._path(call)
        self._resources.get(path)
        self._refuse_if_used(path)
        return self._operations.begin("delete", path, effect="template.delete", args=[path])

    def _path(self, call: Call) -> str:
        """Named, or by its id, as terraform asks for it: no name is a number."""
        scope, asked = self._places.scope(call.params), call.params["instanceTemplate"]
        if asked.isdecimal():
            found = self._resources.within(scope, "instanceTemplates")
            asked = next((each["name"] for each in found if each["id"] == asked), asked)
        return f"{scope}/instanceTemplates/{asked}"

    def _delete(self, path: str) -> None:
        self._refuse_if_used(path)
        self._resources.remove(path)

    def _refuse_if_used(self, path: str) -> None:
        link = self_link(path)
        for user, group in self._resources.table("instanceGroupManagers").items():
            if any(each.get("instanceTemplate") == link for each in group.get("versions", [])):
                raise refusals.in_use("instance_template", path, user)


def _properties(given: dict[str, Any], scope: str) -> Resource:
    """Properties as Google stores them: the given ones, with kinds, indexes and defaults."""
    properties = copy.deepcopy(given)
    if not properties.get("machineType"):
        raise refusals.required("resource.properties.machineType")
    properties["machineType"] = _machine_type(str(properties["machineType"]))
    if not properties.get("disks"):
        raise refusals.required("resource.properties.disks")
    for index, disk in enumerate(properties["disks"]):
        disk |= {"kind": "compute#attachedDisk", "index": index}
        disk.setdefault("type", "PERSISTENT")
        disk.setdefault("mode", "READ_WRITE")
        disk.setdefault("boot", False)
        disk.setdefault("autoDelete", False)
        if disk["type"] == "PERSISTENT":
            disk.setdefault("deviceName", f"persistent-disk-{index}")
    properties["metadata"] = checked_metadata(properties.get("metadata", {}), field="resource.properties.metadata")
    properties["scheduling"] = completed(properties.get("scheduling", {}))
    properties.setdefault("canIpForward", False)
    project = scope.split("/")[1]
    for index, interface in enumerate(properties.get("networkInterfaces", [])):
        interface |= {"kind": "compute#networkInterface", "name": f"nic{index}"}
        for field in ("network", "subnetwork"):
            if field in interface:
                interface[field] = _network_link(interface[field], project)
        for config in interface.get("accessConfigs", []):
            config |= {"kind": "compute#accessConfig"}
            config.setdefault("name", "external-nat")
            config.setdefault("type", "ONE_TO_ONE_NAT")
            config.setdefault("networkTier", "PREMIUM")
    return properties


def _machine_type(given: str) -> str:
    """A template names a machine type without a place."""
    if machine(given) is None:
        why = "Instance properties must provide existing machine type."
        raise refusals.invalid("resource.properties.machineType", given, why)
    return given


def _network_link(reference: str, project: str) -> str:
    text = reference.partition("/compute/v1/")[2] or reference.partition("/compute/beta/")[2] or reference
    return self_link(text if text.startswith("projects/") else f"projects/{project}/{text}")
