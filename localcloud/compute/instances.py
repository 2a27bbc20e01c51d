"""The methods of instances (reference: compute `instances`); what VMs do in time is in `vms`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.disks import Disks
from localcloud.compute.fingerprints import fingerprint
from localcloud.compute.labels import set_labels
from localcloud.compute.lists import aggregated, page
from localcloud.compute.metadata import checked_metadata
from localcloud.compute.operations import Operations, Unfinished
from localcloud.compute.places import Places
from localcloud.compute.references import check_name, path_in
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.vms import Vms
from localcloud.dispatch import Answer, Call, Handler
from localcloud.errors import GoogleError


class Instances:
    """instances."""

    def __init__(self, resources: Resources, places: Places, operations: Operations, vms: Vms, disks: Disks) -> None:
        self._resources = resources
        self._places = places
        self._operations = operations
        self._vms = vms
        self._disks = disks
        operations.effect("instance.running", self._until_running)
        operations.effect("instance.stopped", self._until_stopped)
        operations.effect("instance.gone", self._until_gone)

    def handlers(self) -> Mapping[str, Handler]:
        """The methods."""
        return {
            "instances.Insert": self.insert,
            "instances.Get": lambda call: self._resources.get(self._path(call)),
            "instances.List": self.list_,
            "instances.AggregatedList": self.aggregated_list,
            "instances.Delete": self.delete,
            "instances.Start": self.start,
            "instances.Stop": self.stop,
            "instances.Reset": self.reset,
            "instances.SetMetadata": self.set_metadata,
            "instances.SetLabels": self.set_labels,
            "instances.SetTags": self.set_tags,
            "instances.GetSerialPortOutput": self.serial_port_output,
            "instances.AttachDisk": self.attach_disk,
            "instances.DetachDisk": self.detach_disk,
        }

    def insert(self, call: Call) -> Answer:
        """A new VM, from a body, from a template (`sourceInstanceTemplate`), or both."""
        zone = self._places.scope(call.params)
        body = dict(call.params.get("instanceResource", {}))
        name = check_name(body)
        if reference := call.params.get("sourceInstanceTemplate"):
            project = call.params["project"]
            path = self._resources.path(
                reference, project=project, collection="instanceTemplates", field="sourceInstanceTemplate"
            )
            body = copy.deepcopy(self._resources.get(path)["properties"]) | body
        elif "/" not in str(body.get("machineType", "/")):
            raise refusals.invalid("resource.machineType", body["machineType"], "The URL is malformed.")
        path = f"{zone}/instances/{name}"
        try:
            self._vms.make(zone, body)
        except GoogleError as error:
            if error.reason not in ("stockout", "quotaExceeded"):
                raise
            return self._operations.begin_refused("insert", path, error)
        return self._operations.begin("insert", path, effect="instance.running", args=[path])

    def list_(self, call: Call) -> Answer:
        """A zone's VMs."""
        scope = self._places.scope(call.params)
        return page(call, self._resources.within(scope, "instances"), kind="instanceList", path=f"{scope}/instances")

    def aggregated_list(self, call: Call) -> Answer:
        """All VMs of a project."""
        project = call.params["project"]
        held = self._resources.scopes(project, "instances")
        path = f"projects/{project}/aggregated/instances"
        scopes = self._places.zone_scopes()
        return aggregated(call, held, kind="instanceAggregatedList", path=path, scopes=scopes)

    def delete(self, call: Call) -> Answer:
        """Delete a VM and the disks that go with it."""
        path = self._path(call)
        instance = self._resources.get(path)
        if instance.get("deletionProtection"):
            raise refusals.bad_usage(f"Resource cannot be deleted if it's protected against deletion.: {path}")
        self._vms.delete(path)
        return self._operations.begin("delete", path, effect="instance.gone", args=[path, instance["id"]])

    def start(self, call: Call) -> Answer:
        """Start a stopped VM."""
        path = self._path(call)
        self._vms.start(path)
        return self._operations.begin("start", path, effect="instance.running", args=[path])

    def stop(self, call: Call) -> Answer:
        """Stop a VM."""
        path = self._path(call)
        self._vms.stop(path)
        return self._operations.begin("stop", path, effect="instance.stopped", args=[path])

    def reset(self, call: Call) -> Answer:
        """Reset a running VM; it stays RUNNING."""
        path = self._path(call)
        if self._resources.get(path)["status"] != "RUNNING":
            raise refusals.not_ready(path)
        return self._operations.begin("reset", path)

    def set_metadata(self, call: Call) -> Answer:
        """New metadata, if the fingerprint is the current one."""
        path = self._path(call)
        instance = self._resources.get(path)
        body = call.params.get("metadataResource", {})
        if body.get("fingerprint") != instance["metadata"]["fingerprint"]:
            raise refusals.stale("Supplied fingerprint does not match current metadata fingerprint.")
        instance["metadata"] = checked_metadata(body, field="resource")
        return self._operations.begin("setMetadata", path)

    def set_labels(self, call: Call) -> Answer:
        """New labels, if the fingerprint is the current one."""
        path = self._path(call)
        set_labels(self._resources.get(path), call.params.get("instancesSetLabelsRequestResource", {}))
        return self._operations.begin("setLabels", path)

    def set_tags(self, call: Call) -> Answer:
        """New tags, if the fingerprint is the current one."""
        path = self._path(call)
        instance = self._resources.get(path)
        body = call.params.get("tagsResource", {})
        if body.get("fingerprint") != instance["tags"]["fingerprint"]:
            raise refusals.stale("Supplied fingerprint does not match current tags fingerprint.")
        items = body.get("items", [])
        instance["tags"] = {"fingerprint": fingerprint(items)} | ({"items": items} if items else {})
        return self._operations.begin("setTags", path)

    def serial_port_output(self, call: Call) -> Answer:
        """What the VM wrote to a serial port: `compute.serialPorts`, or a boot line."""
        path = self._path(call)
        instance = self._resources.get(path)
        boot = f"[    0.000000] Linux version (localcloud) on {instance['name']}\n"
        text = self._resources.table("serialPorts").get(path, boot if instance["status"] == "RUNNING" else "")
        start = int(call.params.get("start", 0))
        return {
            "kind": "compute#serialPortOutput",
            "selfLink": f"{instance['selfLink']}/serialPort",
            "contents": text[start:],
            "start": str(min(start, len(text))),
            "next": str(len(text)),
        }

    def attach_disk(self, call: Call) -> Answer:
        """Attach an existing disk of the VM's zone."""
        path = self._path(call)
        instance = self._resources.get(path)
        body = call.params.get("attachedDiskResource", {})
        disk_path = self._resources.path(
            body.get("source", ""), project=call.params["project"], collection="disks", field="resource.source"
        )
        disk = self._resources.get(disk_path)
        if disk.get("users") and body.get("mode") != "READ_ONLY":
            raise refusals.in_use("disk", disk_path, path_in(disk["users"][0]))
        index = len(instance["disks"])
        instance["disks"].append(_attached(body, disk, index))
        self._disks.attach(disk_path, path)
        return self._operations.begin("attachDisk", path)

    def detach_disk(self, call: Call) -> Answer:
        """Detach a disk by its device name."""
        path = self._path(call)
        instance = self._resources.get(path)
        device = call.params.get("deviceName", "")
        found = next((each for each in instance["disks"] if each["deviceName"] == device), None)
        if found is None:
            raise refusals.invalid("deviceName", device, "No attached disk found with this device name.")
        instance["disks"].remove(found)
        self._disks.detach(path_in(found.get("source", "")), path)
        return self._operations.begin("detachDisk", path)

    def _path(self, call: Call) -> str:
        return f"{self._places.scope(call.params)}/instances/{call.params['instance']}"

    def _until_running(self, path: str) -> None:
        instance = self._resources.find(path)
        if instance is not None and instance["status"] in ("PROVISIONING", "STAGING"):
            raise Unfinished(1.0)

    def _until_stopped(self, path: str) -> None:
        instance = self._resources.find(path)
        if instance is not None and instance["status"] == "STOPPING":
            raise Unfinished(1.0)

    def _until_gone(self, path: str, identity: str) -> None:
        instance = self._resources.find(path)
        if instance is not None and instance["id"] == identity:
            raise Unfinished(1.0)


def _attached(body: dict[str, Any], disk: Resource, index: int) -> Resource:
    return {
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": body.get("mode", "READ_WRITE"),
        "source": disk["selfLink"],
        "deviceName": body.get("deviceName") or f"persistent-disk-{index}",
        "index": index,
        "boot": bool(body.get("boot")),
        "autoDelete": bool(body.get("autoDelete")),
        "interface": "SCSI",
        "diskSizeGb": disk["sizeGb"],
    }
