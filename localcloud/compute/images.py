"""Images and families (reference: compute `images`, `imageFamilyViews`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.labels import fresh_labels, set_labels
from localcloud.compute.lists import page
from localcloud.compute.operations import Operations
from localcloud.compute.places import Places
from localcloud.compute.policies import check_word
from localcloud.compute.references import NAME, check_name, last
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.timings import seconds
from localcloud.dispatch import Answer, Call, Handler

KEPT = (
    "description", "family", "labels", "licenses", "licenseCodes", "guestOsFeatures", "architecture",
    "storageLocations", "shieldedInstanceInitialState", "deprecated",
)  # fmt: skip
SOURCES = {
    "sourceDisk": "disks",
    "sourceImage": "images",
    "sourceSnapshot": "snapshots",
}


class Images:
    """Images and their methods."""

    def __init__(self, resources: Resources, places: Places, operations: Operations) -> None:
        self._resources = resources
        self._places = places
        self._operations = operations
        operations.effect("image.ready", self._ready)
        operations.effect("image.delete", self._resources.remove)

    def usable(self, reference: str, *, project: str) -> Resource:
        """The READY image that a reference or family names; an error where it cannot be used."""
        path = self._resources.path(
            reference, project=project, collection="images", field="resource.sourceImage", scope="global"
        )
        if "/images/family/" in path:
            image = self.newest(path.split("/")[1], last(path))
            path = f"projects/{path.split('/')[1]}/global/images/{image['name']}"
        image = self._resources.get(path)
        if image["status"] != "READY":
            raise refusals.not_ready(path)
        if image.get("deprecated", {}).get("state") in ("OBSOLETE", "DELETED"):
            raise refusals.not_found(path)
        return image

    def newest(self, project: str, family: str) -> Resource:
        """The newest image of a family that is not deprecated."""
        found = [
            each
            for each in self._resources.within(f"projects/{project}/global", "images")
            if each.get("family") == family and each.get("deprecated", {}).get("state", "ACTIVE") == "ACTIVE"
        ]
        if not found:
            raise refusals.not_found(f"projects/{project}/global/images/family/{family}")
        return max(found, key=lambda each: (each["creationTimestamp"], each["name"]))

    def make(self, project: str, body: dict[str, Any], *, ready: bool) -> Resource:
        """An image of an Image body; its source gives size, features and architecture where the body is silent."""
        path = f"projects/{project}/global/images/{check_name(body)}"
        family = body.get("family")
        if family and not NAME.fullmatch(family):
            raise refusals.invalid("resource.family", family, f"Must be a match of regex '{NAME.pattern}'")
        image: dict[str, Any] = {key: body[key] for key in KEPT if key in body}
        size = int(body.get("diskSizeGb") or 0)
        for field, collection in SOURCES.items():
            if reference := body.get(field):
                source = self._source(reference, field, collection, project)
                image |= {field: source["selfLink"], f"{field}Id": source["id"]}
                inherited = ("guestOsFeatures", "licenses", "licenseCodes", "architecture")
                image |= {key: source[key] for key in inherited if key in source and key not in image}
                size = size or int(source.get("sizeGb") or source.get("diskSizeGb") or 0)
        image |= {
            "sourceType": "RAW",
            "status": "READY" if ready else "PENDING",
            "diskSizeGb": str(size or 10),
            "archiveSizeBytes": str((size or 10) * 300_000_000),
            "enableConfidentialCompute": False,
        }
        image.setdefault("storageLocations", ["us"])
        fresh_labels(image)
        return self._resources.add(path, image, kind="image")

    def _source(self, reference: str, field: str, collection: str, project: str) -> Resource:
        if collection == "images":
            return self.usable(reference, project=project)
        path = self._resources.path(reference, project=project, collection=collection, field=f"resource.{field}")
        source = self._resources.get(path)
        if source["status"] != "READY":
            raise refusals.not_ready(path)
        return source

    # The methods

    def handlers(self) -> Mapping[str, Handler]:
        """images and imageFamilyViews."""
        return {
            "images.Insert": self.insert,
            "images.Get": lambda call: self._resources.get(self._path(call)),
            "images.GetFromFamily": lambda call: self.newest(call.params["project"], call.params["family"]),
            "images.List": self.list_,
            "images.Delete": self.delete,
            "images.Patch": self.patch,
            "images.Deprecate": self.deprecate,
            "images.SetLabels": self.set_labels,
            "image_family_views.Get": self.family_view,
        }

    def insert(self, call: Call) -> Answer:
        """A new image: PENDING, then READY. A disk in use needs `forceCreate`."""
        project = call.params["project"]
        body = call.params.get("imageResource", {})
        path = f"projects/{project}/global/images/{check_name(body)}"
        if self._resources.find(path) is not None:
            raise refusals.already_exists(path)
        if not any(body.get(each) for each in (*SOURCES, "rawDisk")):
            raise refusals.required("resource.sourceDisk")
        if reference := body.get("sourceDisk"):
            disk_path = self._resources.path(
                reference, project=project, collection="disks", field="resource.sourceDisk"
            )
            disk = self._resources.get(disk_path)
            if self._in_running_use(disk) and not call.params.get("forceCreate"):
                user = self._in_running_use(disk)
                raise refusals.in_use("disk", disk_path, user)
        self.make(project, body, ready=False)
        takes = seconds(self._resources.world, "image")
        return self._operations.begin("insert", path, effect="image.ready", args=[path], takes=takes)

    def _in_running_use(self, disk: Resource) -> str:
        for user in disk.get("users", []):
            path = user.partition("/v1/")[2]
            instance = self._resources.find(path)
            if instance is not None and instance["status"] != "TERMINATED":
                return str(path)
        return ""

    def list_(self, call: Call) -> Answer:
        """A project's images."""
        scope = f"projects/{call.params['project']}/global"
        return page(call, self._resources.within(scope, "images"), kind="imageList", path=f"{scope}/images")

    def delete(self, call: Call) -> Answer:
        """Delete an image."""
        path = self._path(call)
        self._resources.get(path)
        return self._operations.begin("delete", path, effect="image.delete", args=[path])

    def patch(self, call: Call) -> Answer:
        """Change family, description or deprecation."""
        path = self._path(call)
        image = self._resources.get(path)
        for key in ("family", "description", "deprecated"):
            if key in call.raw_body:
                image.pop(key, None)
                image |= {key: call.raw_body[key]} if call.raw_body[key] is not None else {}
        return self._operations.begin("patch", path)

    def deprecate(self, call: Call) -> Answer:
        """Set or (with an empty state) clear the deprecation."""
        path = self._path(call)
        image = self._resources.get(path)
        status = call.params.get("deprecationStatusResource", {})
        check_word("state", status.get("state"), ("ACTIVE", "DEPRECATED", "OBSOLETE", "DELETED"))
        image.pop("deprecated", None)
        if status.get("state", "ACTIVE") != "ACTIVE":
            image["deprecated"] = status
        return self._operations.begin("deprecate", path)

    def set_labels(self, call: Call) -> Answer:
        """New labels, if the fingerprint is the current one."""
        path = self._path(call)
        image = self._resources.get(path)
        body = call.params.get("globalSetLabelsRequestResource", {})
        set_labels(image, body)
        return self._operations.begin("setLabels", path)

    def family_view(self, call: Call) -> Answer:
        """The newest image of a family, as a zone sees it."""
        if call.params["zone"] != "-":
            self._places.scope(call.params)
        return {"image": self.newest(call.params["project"], call.params["family"])}

    def _path(self, call: Call) -> str:
        name = call.params.get("image") or call.params["resource"]
        return f"projects/{call.params['project']}/global/images/{name}"

    def _ready(self, path: str) -> None:
        image = self._resources.find(path)
        if image is not None:
            image["status"] = "READY"
