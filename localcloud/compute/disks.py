"""Persistent disks: made empty, from an image or a snapshot, or with a VM (reference: compute `disks`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.images import Images
from localcloud.compute.labels import fresh_labels, set_labels
from localcloud.compute.lists import aggregated, page
from localcloud.compute.operations import Operations
from localcloud.compute.places import Places
from localcloud.compute.references import check_name, last, path_in, self_link
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.timings import seconds
from localcloud.dispatch import Answer, Call, Handler

# The size Google gives a disk for which none is asked.
DEFAULT_GB = {"pd-standard": 500, "pd-balanced": 100, "pd-ssd": 100, "hyperdisk-balanced": 100}
COPIED_FROM_IMAGE = ("guestOsFeatures", "licenses", "licenseCodes", "architecture")


class Disks:
    """Disks and their methods."""

    def __init__(self, resources: Resources, places: Places, operations: Operations, images: Images) -> None:
        self._resources = resources
        self._places = places
        self._operations = operations
        self._images = images
        operations.effect("disk.ready", self._ready)
        operations.effect("disk.delete", self._delete)

    def make(self, zone: str, body: dict[str, Any], *, size_field: str, ready: bool) -> Resource:
        """A disk in `projects/P/zones/Z` of a Disk body; `size_field` is how an error names the size."""
        project = zone.split("/")[1]
        path = f"{zone}/disks/{body['name']}"
        image = None
        if source := body.get("sourceImage"):
            image = self._images.usable(source, project=project)
        kind = last(body.get("type") or "pd-standard")
        smallest = int(image["diskSizeGb"]) if image else 1
        size = int(body.get("sizeGb") or (smallest if image else DEFAULT_GB.get(kind, 100)))
        if image and size < smallest:
            why = f"Requested disk size cannot be smaller than the image size ({smallest} GB)"
            raise refusals.invalid(size_field, size, why)
        disk: dict[str, Any] = {key: body[key] for key in ("description", "labels", "resourcePolicies") if key in body}
        disk |= {
            "sizeGb": str(size),
            "type": self_link(f"{zone}/diskTypes/{kind}"),
            "status": "READY" if ready else "CREATING",
            "physicalBlockSizeBytes": "4096",
            "enableConfidentialCompute": False,
        }
        if image:
            disk |= {"sourceImage": image["selfLink"], "sourceImageId": image["id"]}
            disk |= {key: image[key] for key in COPIED_FROM_IMAGE if key in image}
        fresh_labels(disk)
        return self._resources.add(path, disk, kind="disk")

    def attach(self, disk: str, instance: str) -> None:
        """Note that an instance uses the disk at this path."""
        found = self._resources.find(disk)
        if found is not None:
            found.setdefault("users", []).append(self_link(instance))
            found["lastAttachTimestamp"] = self._resources.world.simulation.timestamp()

    def detach(self, disk: str, instance: str) -> None:
        """Note that an instance uses it no more."""
        found = self._resources.find(disk)
        if found is None:
            return
        users = [each for each in found.pop("users", []) if each != self_link(instance)]
        found |= {"users": users} if users else {}
        found["lastDetachTimestamp"] = self._resources.world.simulation.timestamp()

    # The methods

    def handlers(self) -> Mapping[str, Handler]:
        """disks."""
        return {
            "disks.Insert": self.insert,
            "disks.Get": lambda call: self._resources.get(self._path(call)),
            "disks.List": self.list_,
            "disks.AggregatedList": self.aggregated_list,
            "disks.Delete": self.delete,
            "disks.SetLabels": self.set_labels,
            "disks.Resize": self.resize,
        }

    def insert(self, call: Call) -> Answer:
        """A new disk: CREATING, then READY."""
        zone = self._places.scope(call.params)
        body = dict(call.params.get("diskResource", {}))
        if "sourceImage" in call.params:
            body["sourceImage"] = call.params["sourceImage"]
        path = f"{zone}/disks/{check_name(body)}"
        self.make(zone, body, size_field="resource.sizeGb", ready=False)
        takes = seconds(self._resources.world, "disk")
        return self._operations.begin("insert", path, effect="disk.ready", args=[path], takes=takes)

    def list_(self, call: Call) -> Answer:
        """A zone's disks."""
        scope = self._places.scope(call.params)
        return page(call, self._resources.within(scope, "disks"), kind="diskList", path=f"{scope}/disks")

    def aggregated_list(self, call: Call) -> Answer:
        """All disks of a project."""
        project = call.params["project"]
        scopes = self._places.region_scopes() + self._places.zone_scopes()
        held = self._resources.scopes(project, "disks")
        path = f"projects/{project}/aggregated/disks"
        return aggregated(call, held, kind="diskAggregatedList", path=path, scopes=scopes)

    def delete(self, call: Call) -> Answer:
        """Delete a disk that nothing uses."""
        path = self._path(call)
        disk = self._resources.get(path)
        if users := disk.get("users"):
            raise refusals.in_use("disk", path, path_in(users[0]))
        return self._operations.begin("delete", path, effect="disk.delete", args=[path])

    def set_labels(self, call: Call) -> Answer:
        """New labels, if the fingerprint is the current one."""
        path = self._path(call)
        disk = self._resources.get(path)
        set_labels(disk, call.params.get("zoneSetLabelsRequestResource", {}))
        return self._operations.begin("setLabels", path)

    def resize(self, call: Call) -> Answer:
        """A larger disk."""
        path = self._path(call)
        disk = self._resources.get(path)
        size = int(call.params.get("disksResizeRequestResource", {}).get("sizeGb", 0))
        if size <= int(disk["sizeGb"]):
            why = f"New disk size '{size}' must be larger than existing size '{disk['sizeGb']}'."
            raise refusals.invalid("sizeGb", size, why)
        disk["sizeGb"] = str(size)
        return self._operations.begin("resizeDisk", path)

    def _path(self, call: Call) -> str:
        name = call.params.get("disk") or call.params["resource"]
        return f"{self._places.scope(call.params)}/disks/{name}"

    def _ready(self, path: str) -> None:
        disk = self._resources.find(path)
        if disk is not None:
            disk["status"] = "READY"

    def _delete(self, path: str) -> None:
        disk = self._resources.find(path)
        if disk is not None and disk.get("users"):
            raise refusals.in_use("disk", path, path_in(disk["users"][0]))
        self._resources.remove(path)
