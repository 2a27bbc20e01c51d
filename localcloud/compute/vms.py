"""The life of virtual machines: PROVISIONING, STAGING, RUNNING, STOPPING, TERMINATED or gone.

Tells `instance.running`, `instance.expired`, `instance.stopped`, `instance.deleting` and `instance.deleted` with the
instance's JSON.
"""

from __future__ import annotations

import copy
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.catalog import Machine, machine
from localcloud.compute.disks import Disks
from localcloud.compute.fingerprints import fingerprint
from localcloud.compute.labels import fresh_labels
from localcloud.compute.metadata import checked_metadata
from localcloud.compute.places import region_scope
from localcloud.compute.references import last, path_in, self_link
from localcloud.compute.reservations import Reservations
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.room import Room
from localcloud.compute.scheduling import completed, run_seconds
from localcloud.compute.timings import seconds

COPIED = (
    "description", "labels", "canIpForward", "serviceAccounts", "minCpuPlatform", "shieldedInstanceConfig",
    "advancedMachineFeatures", "confidentialInstanceConfig", "reservationAffinity", "resourcePolicies",
    "networkPerformanceConfig", "deletionProtection", "hostname", "privateIpv6GoogleAccess", "params",
)  # fmt: skip


class Vms:
    """Makes, stops, starts and deletes VMs."""

    def __init__(self, resources: Resources, disks: Disks, room: Room, reservations: Reservations) -> None:
        self._resources = resources
        self._disks = disks
        self._room = room
        self._reservations = reservations
        self._world = resources.world
        self._world.simulation.on("compute.vm.stage", self._stage)
        self._world.simulation.on("compute.vm.run", self._run)
        self._world.simulation.on("compute.vm.stopped", self._stopped)
        self._world.simulation.on("compute.vm.gone", self._gone)
        self._world.simulation.on("compute.vm.expire", self._expire)

    def make(self, zone: str, body: dict[str, Any]) -> Resource:
        """A VM in `projects/P/zones/Z` of an Instance body (template properties and a name will do).

        Errors: an image that is missing, not READY, too large or of another architecture; quota; stock.
        """
        path = f"{zone}/instances/{body['name']}"
        if self._resources.find(path) is not None:
            raise refusals.already_exists(path)
        type_ = self._machine_type(zone, body)
        instance: Resource = {key: copy.deepcopy(body[key]) for key in COPIED if key in body}
        instance |= {
            "selfLink": self_link(path),
            "status": "PROVISIONING",
            "machineType": self_link(f"{zone}/machineTypes/{type_.name}"),
            "cpuPlatform": "Unknown CPU Platform",
            "scheduling": completed(body.get("scheduling", {}), terminates=bool(type_.accelerator)),
            "tags": _tags(body.get("tags", {})),
            "metadata": checked_metadata(body.get("metadata", {}), field="resource.metadata"),
            "networkInterfaces": self._interfaces(zone, body),
            "startRestricted": False,
            "deletionProtection": bool(body.get("deletionProtection")),
        }
        if accelerators := _accelerators(zone, body, type_):
            instance["guestAccelerators"] = accelerators
        fresh_labels(instance)
        reservation = self._reservations.chosen(zone, instance)
        self._room.check(last(zone), instance, reserved=bool(reservation))
        instance["disks"] = self._disks_of(zone, body, type_)
        instance["fingerprint"] = fingerprint([path, instance["labelFingerprint"]])
        made = self._resources.add(path, instance, kind="instance")
        self._reservations.consume(made, reservation)
        for each in made["disks"]:
            if "source" in each:
                self._disks.attach(path_in(each["source"]), path)
        self._world.simulation.after(seconds(self._world, "provision"), "compute.vm.stage", path, made["id"])
        return made

    def check_room(self, group: str, properties: dict[str, Any], count: int) -> None:
        """Whether the zone of a group at this path has room for `count` VMs of a template."""
        zone = group.rpartition("/instanceGroupManagers/")[0]
        type_ = self._machine_type(zone, properties)
        instance: Resource = {
            "selfLink": self_link(f"{zone}/instances/-"),
            "machineType": self_link(f"{zone}/machineTypes/{type_.name}"),
            "scheduling": completed(properties.get("scheduling", {})),
            "guestAccelerators": _accelerators(zone, properties, type_),
        }
        self._room.check(last(zone), instance, count=count)

    def delete(self, path: str) -> float:
        """Begin to delete; the seconds it takes."""
        instance = self._resources.get(path)
        takes = seconds(self._world, "stop")
        if instance["status"] != "STOPPING":
            instance["status"] = "STOPPING"
            self._world.tell("instance.deleting", instance)
            self._world.simulation.after(takes, "compute.vm.gone", path, instance["id"])
        return takes

    def stop(self, path: str) -> float:
        """Begin to stop; the seconds it takes."""
        instance = self._resources.get(path)
        takes = seconds(self._world, "stop")
        if instance["status"] not in ("STOPPING", "TERMINATED"):
            instance["status"] = "STOPPING"
            self._world.simulation.after(takes, "compute.vm.stopped", path, instance["id"])
        return takes

    def start(self, path: str) -> float:
        """Begin to start a stopped VM; the seconds it takes."""
        instance = self._resources.get(path)
        takes = seconds(self._world, "provision")
        if instance["status"] == "TERMINATED":
            reservation = self._reservations.chosen(path.rpartition("/instances/")[0], instance)
            self._room.check(path.split("/")[3], instance, reserved=bool(reservation))
            self._reservations.consume(instance, reservation)
            instance["status"] = "PROVISIONING"
            self._world.simulation.after(takes, "compute.vm.stage", path, instance["id"])
        return takes + seconds(self._world, "stage")

    def _machine_type(self, zone: str, body: dict[str, Any]) -> Machine:
        given = str(body.get("machineType") or "")
        if not given:
            raise refusals.required("resource.machineType")
        type_ = machine(last(given))
        if type_ is None:
            raise refusals.not_found(f"{zone}/machineTypes/{last(given)}")
        return type_

    def _disks_of(self, zone: str, body: dict[str, Any], type_: Machine) -> list[Resource]:
        attached = []
        asked = body.get("disks") or []
        if not any(each.get("boot") for each in asked):
            raise refusals.invalid("resource.disks", "[]", "At least one boot disk must be specified.")
        made: list[str] = []
        try:
            for index, each in enumerate(asked):
                disk = self._disk_of(zone, body["name"], each, index, type_)
                attached.append(disk)
                if "initializeParams" in each and "source" in disk:
                    made.append(path_in(disk["source"]))
        except Exception:
            for path in made:
                self._resources.remove(path)
            raise
        return attached

    def _disk_of(self, zone: str, name: str, asked: dict[str, Any], index: int, type_: Machine) -> Resource:
        disk: Resource = {
            "kind": "compute#attachedDisk",
            "type": asked.get("type", "PERSISTENT"),
            "mode": asked.get("mode", "READ_WRITE"),
            "boot": bool(asked.get("boot")),
            "autoDelete": bool(asked.get("autoDelete")),
            "deviceName": asked.get("deviceName") or f"persistent-disk-{index}",
            "index": index,
            "interface": asked.get("interface", "SCSI"),
        }
        params = asked.get("initializeParams", {})
        local = "local-ssd" in last(str(params.get("diskType", "")))
        if asked.get("type") == "SCRATCH" or local:
            return disk | {"type": "SCRATCH", "diskSizeGb": "375"}
        if source := asked.get("source"):
            found = self._existing(zone, source)
        else:
            found = self._new_disk(zone, name, asked, index)
        disk |= {"source": found["selfLink"], "diskSizeGb": found["sizeGb"]}
        disk |= {key: found[key] for key in ("licenses", "guestOsFeatures", "architecture") if key in found}
        kind = found.get("architecture", "ARCHITECTURE_UNSPECIFIED")
        if disk["boot"] and kind in ("X86_64", "ARM64") and kind != type_.architecture:
            if not asked.get("source"):
                self._resources.remove(path_in(found["selfLink"]))
            text = (
                f"Requested boot disk architecture ({kind}) is not compatible with machine type architecture "
                f"({type_.architecture})."
            )
            raise refusals.bad_usage(text)
        return disk

    def _existing(self, zone: str, source: str) -> Resource:
        project = zone.split("/")[1]
        scope = zone.partition(f"projects/{project}/")[2]
        path = self._resources.path(
            source, project=project, collection="disks", field="resource.disks[0].source", scope=scope
        )
        return self._resources.get(path)

    def _new_disk(self, zone: str, name: str, asked: dict[str, Any], index: int) -> Resource:
        params = asked.get("initializeParams", {})
        suffix = "" if asked.get("boot") else f"-{index}"
        body = {
            "name": params.get("diskName") or f"{name}{suffix}",
            "sourceImage": params.get("sourceImage"),
            "type": params.get("diskType") or "pd-standard",
            "sizeGb": params.get("diskSizeGb") or asked.get("diskSizeGb"),
            "labels": params.get("labels", {}),
        }
        field = f"resource.disks[{index}].initializeParams.diskSizeGb"
        return self._disks.make(zone, body, size_field=field, ready=True)

    def _interfaces(self, zone: str, body: dict[str, Any]) -> list[Resource]:
        project = zone.split("/")[1]
        asked = body.get("networkInterfaces") or [{}]
        interfaces = []
        for index, each in enumerate(asked):
            number = self._world.number("addresses")
            region = region_scope(zone)
            network = path_in(each.get("network") or self_link(f"projects/{project}/global/networks/default"))
            interface = {
                "kind": "compute#networkInterface",
                "name": f"nic{index}",
                "network": self_link(_full(network, project)),
                "subnetwork": self_link(
                    _full(path_in(each.get("subnetwork") or f"{region}/subnetworks/{last(network)}"), project)
                ),
                "networkIP": each.get("networkIP") or f"10.128.{number // 250 % 250}.{number % 250 + 2}",
                "stackType": each.get("stackType", "IPV4_ONLY"),
            }
            interface["fingerprint"] = fingerprint(interface)
            if each.get("aliasIpRanges"):
                interface["aliasIpRanges"] = each["aliasIpRanges"]
            if "accessConfigs" in each:
                interface["accessConfigs"] = [
                    _outside(
                        config, f"{self._network()}.{number // 62500 % 250}.{number // 250 % 250}.{number % 250 + 2}"
                    )
                    for config in each["accessConfigs"]
                ]
            interfaces.append(interface)
        return interfaces

    def _network(self) -> str:
        """First number of outside addresses; 127 puts them on loopback, where a real machine can stand for the VM."""
        return str(self._world.table("compute.addressing").get("outside", 34))

    # What time brings

    def _alive(self, path: str, identity: str) -> Resource | None:
        instance = self._resources.find(path)
        return instance if instance is not None and instance["id"] == identity else None

    def _stage(self, path: str, identity: str) -> None:
        instance = self._alive(path, identity)
        if instance is not None and instance["status"] == "PROVISIONING":
            instance["status"] = "STAGING"
            self._world.simulation.after(seconds(self._world, "stage"), "compute.vm.run", path, identity)

    def _run(self, path: str, identity: str) -> None:
        instance = self._alive(path, identity)
        if instance is not None and instance["status"] == "STAGING":
            instance["status"] = "RUNNING"
            instance["cpuPlatform"] = "Intel Sapphire Rapids" if "/a3-" in instance["machineType"] else "Intel Skylake"
            instance["lastStartTimestamp"] = self._world.simulation.timestamp()
            self._limit(path, instance)
            self._world.tell("instance.running", instance)

    def _limit(self, path: str, instance: Resource) -> None:
        allowed = run_seconds(instance)
        if allowed is None:
            return
        end = self._world.simulation.timestamp(self._world.simulation.now() + allowed / self._world.simulation.speed)
        instance["resourceStatus"] = {"scheduling": {"terminationTimestamp": end}}
        self._world.simulation.after(allowed, "compute.vm.expire", path, instance["id"])

    def _expire(self, path: str, identity: str) -> None:
        instance = self._alive(path, identity)
        if instance is None or instance["status"] != "RUNNING":
            return
        self._world.tell("instance.expired", instance)
        if instance["scheduling"].get("instanceTerminationAction") == "STOP":
            self.stop(path)
        else:
            self.delete(path)

    def _stopped(self, path: str, identity: str) -> None:
        instance = self._alive(path, identity)
        if instance is not None and instance["status"] == "STOPPING":
            instance["status"] = "TERMINATED"
            instance["lastStopTimestamp"] = self._world.simulation.timestamp()
            self._world.tell("instance.stopped", instance)

    def _gone(self, path: str, identity: str) -> None:
        instance = self._alive(path, identity)
        if instance is None:
            return
        for disk in instance["disks"]:
            if "source" not in disk:
                continue
            disk_path = path_in(disk["source"])
            self._disks.detach(disk_path, path)
            if disk["autoDelete"]:
                self._resources.remove(disk_path)
        self._resources.remove(path)
        self._world.tell("instance.deleted", instance)


def _full(reference: str, project: str) -> str:
    text = reference.partition("/compute/v1/")[2] or reference
    return text if text.startswith("projects/") else f"projects/{project}/{text}"


def _outside(config: dict[str, Any], free: str) -> Resource:
    return {
        "kind": "compute#accessConfig",
        "name": config.get("name") or "external-nat",
        "type": config.get("type") or "ONE_TO_ONE_NAT",
        "natIP": config.get("natIP") or free,
        "networkTier": config.get("networkTier", "PREMIUM"),
    }


def _tags(asked: dict[str, Any]) -> Resource:
    items = asked.get("items", [])
    return {"fingerprint": fingerprint(items)} | ({"items": items} if items else {})


def _accelerators(zone: str, body: dict[str, Any], type_: Machine) -> list[Resource]:
    asked = body.get("guestAccelerators") or []
    if not asked and type_.accelerator:
        asked = [{"acceleratorType": type_.accelerator, "acceleratorCount": type_.accelerators}]
    return [
        {
            "acceleratorType": self_link(f"{zone}/acceleratorTypes/{last(each['acceleratorType'])}"),
            "acceleratorCount": int(each.get("acceleratorCount", 1)),
        }
        for each in asked
    ]
