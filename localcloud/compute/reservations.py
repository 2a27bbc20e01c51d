"""Reservations: VMs of one kind that a zone keeps free for whoever is meant to have them
(https://cloud.google.com/compute/docs/reference/rest/v1/reservations,
https://cloud.google.com/compute/docs/instances/reservations-consume).

`compute.consumed`: VM's path -> {"id": the VM's, "reservation": path}. A VM that ends or stops gives its place back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.catalog import machine
from localcloud.compute.lists import aggregated, page
from localcloud.compute.operations import Operations
from localcloud.compute.places import Places
from localcloud.compute.references import check_name, last, path_in, self_link
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.room import Room
from localcloud.dispatch import Answer, Call, Handler

KIND, COLLECTION = "reservation", "reservations"
BY_NAME = "compute.googleapis.com/reservation-name"
KEPT = ("description", "shareSettings", "resourcePolicies", "deleteAtTime")


class Reservations:
    """reservations, and which VM consumes which."""

    def __init__(self, resources: Resources, places: Places, operations: Operations, room: Room) -> None:
        self._resources = resources
        self._places = places
        self._operations = operations
        self._room = room
        room.kept = self._kept
        operations.effect("reservation.delete", self._resources.remove)

    def handlers(self) -> Mapping[str, Handler]:
        """Insert, Get, List, AggregatedList, Delete."""
        return {
            "reservations.Insert": self.insert,
            "reservations.Get": lambda call: self.shown(self._path(call)),
            "reservations.List": self.list_,
            "reservations.AggregatedList": self.aggregated_list,
            "reservations.Delete": self.delete,
        }

    def insert(self, call: Call) -> Answer:
        """A new reservation, READY: the zone must have what it keeps."""
        scope = self._places.scope(call.params)
        path = self.make(scope, call.params.get("reservationResource", {}))
        return self._operations.begin("insert", path)

    def make(self, zone: str, body: dict[str, Any]) -> str:
        """The path of a new reservation in `projects/P/zones/Z`."""
        path = f"{zone}/{COLLECTION}/{check_name(body, field='resource.name')}"
        if self._resources.find(path) is not None:
            raise refusals.already_exists(path)
        asked = body.get("specificReservation") or {}
        count = int(asked.get("count", 0))
        if count <= 0:
            raise refusals.required("resource.specificReservation.count")
        properties = self._properties(zone, asked)
        specimen = _specimen(zone, properties)
        self._room.check(last(zone), specimen, count=count)
        kept = {key: body[key] for key in KEPT if key in body}
        kept |= {
            "specificReservationRequired": bool(body.get("specificReservationRequired")),
            "specificReservation": {"instanceProperties": properties, "count": str(count), "assuredCount": str(count)},
            "status": "READY",
        }
        if template := asked.get("sourceInstanceTemplate"):
            kept["specificReservation"]["sourceInstanceTemplate"] = self_link(self._template(zone, template))
        self._resources.add(path, kept, kind=KIND)
        return path

    def list_(self, call: Call) -> Answer:
        """A zone's reservations."""
        scope = self._places.scope(call.params)
        found = [self.shown(path_in(each["selfLink"])) for each in self._resources.within(scope, COLLECTION)]
        return page(call, found, kind="reservationList", path=f"{scope}/{COLLECTION}")

    def aggregated_list(self, call: Call) -> Answer:
        """All reservations of a project."""
        project = call.params["project"]
        held = {
            scope: [self.shown(path_in(each["selfLink"])) for each in there]
            for scope, there in self._resources.scopes(project, COLLECTION).items()
        }
        path = f"projects/{project}/aggregated/{COLLECTION}"
        return aggregated(call, held, kind="reservationAggregatedList", path=path, scopes=self._places.zone_scopes())

    def delete(self, call: Call) -> Answer:
        """Delete a reservation; one that must be named cannot go while VMs consume it."""
        path = self._path(call)
        found = self.shown(path)
        if found["specificReservationRequired"] and int(found["specificReservation"]["inUseCount"]):
            raise refusals.in_use("reservation", path, next(iter(self._users(path))))
        return self._operations.begin("delete", path, effect="reservation.delete", args=[path])

    def shown(self, path: str) -> Resource:
        """As Google prints it, with how many VMs consume it now."""
        found = self._resources.get(path)
        specific = {**found["specificReservation"], "inUseCount": str(len(self._users(path)))}
        return {**found, "specificReservation": specific}

    def chosen(self, zone: str, instance: Resource) -> str:
        """The path of the reservation that a new VM will consume, empty where it takes what the zone has besides.
        Errors: the one that it names is not there or used up."""
        affinity = instance.get("reservationAffinity") or {}
        kind = affinity.get("consumeReservationType", "ANY_RESERVATION")
        if kind == "NO_RESERVATION" or instance["scheduling"].get("preemptible"):
            return ""
        if kind == "SPECIFIC_RESERVATION":
            return self._named(zone, instance, affinity)
        there = self._resources.within(zone, COLLECTION)
        fitting = [path_in(each["selfLink"]) for each in there if not each["specificReservationRequired"]]
        return next(
            (path for path in fitting if _is_like(self._resources.get(path), instance) and self._free(path)), ""
        )

    def consume(self, instance: Resource, path: str) -> None:
        """The VM has its place in the reservation."""
        if path:
            taken = {"id": instance["id"], "reservation": path}
            self._resources.table("consumed")[path_in(instance["selfLink"])] = taken

    def _named(self, zone: str, instance: Resource, affinity: dict[str, Any]) -> str:
        if affinity.get("key") != BY_NAME or not affinity.get("values"):
            raise refusals.required("resource.reservationAffinity.values")
        names = [each.partition("/reservationBlocks/")[0] for each in affinity["values"]]
        paths = [self._of(zone, name) for name in names]
        there = [path for path in paths if self._resources.find(path) is not None]
        if not there:
            raise refusals.stale(f"Specified reservations [{', '.join(names)}] do not exist.")
        fitting = [path for path in there if _is_like(self._resources.get(path), instance)]
        if not fitting:
            raise refusals.stale("No available resources in specified reservations.")
        for path in fitting:
            if self._free(path):
                return path
        text = f"Specified reservation '{last(fitting[0])}' does not have available resources for the request."
        raise refusals.stale(text)

    def _of(self, zone: str, name: str) -> str:
        """The path of a reservation by its name, or by that of the project that shares it."""
        project, _, short = name.removeprefix("projects/").rpartition("/reservations/")
        return (
            f"projects/{project}/zones/{last(zone)}/{COLLECTION}/{short}" if project else f"{zone}/{COLLECTION}/{name}"
        )

    def _free(self, path: str) -> int:
        return int(self._resources.get(path)["specificReservation"]["count"]) - len(self._users(path))

    def _users(self, path: str) -> list[str]:
        """The paths of the VMs that consume a reservation now."""
        found = []
        for user, taken in self._resources.table("consumed").items():
            instance = self._resources.find(user)
            if taken["reservation"] == path and instance is not None and instance["id"] == taken["id"]:
                found += [user] if instance["status"] != "TERMINATED" else []
        return found

    def _kept(self, zone: str) -> list[tuple[Resource, int]]:
        """What the zone keeps for VMs that are not there yet: a VM of each kind, and for how many."""
        return [
            (_specimen(path.partition(f"/{COLLECTION}/")[0], each["specificReservation"]["instanceProperties"]),
             self._free(path))
            for path, each in self._resources.table(COLLECTION).items()
            if f"/zones/{zone}/" in path
        ]  # fmt: skip

    def _properties(self, zone: str, asked: dict[str, Any]) -> Resource:
        """Of the body, or of the template that it names."""
        if template := asked.get("sourceInstanceTemplate"):
            found = self._resources.get(self._template(zone, template))["properties"]
            properties = {
                key: found[key] for key in ("machineType", "guestAccelerators", "minCpuPlatform") if key in found
            }
        else:
            properties = dict(asked.get("instanceProperties") or {})
        type_ = machine(last(str(properties.get("machineType") or "")))
        if type_ is None:
            raise refusals.required("resource.specificReservation.instanceProperties.machineType")
        if type_.accelerator and not properties.get("guestAccelerators"):
            accelerator = {"acceleratorType": type_.accelerator, "acceleratorCount": type_.accelerators}
            properties["guestAccelerators"] = [accelerator]
        return properties

    def _template(self, zone: str, reference: str) -> str:
        return self._resources.path(
            reference, project=zone.split("/")[1], collection="instanceTemplates",
            field="resource.specificReservation.sourceInstanceTemplate",
        )  # fmt: skip

    def _path(self, call: Call) -> str:
        return f"{self._places.scope(call.params)}/{COLLECTION}/{call.params['reservation']}"


def _specimen(zone: str, properties: dict[str, Any]) -> Resource:
    """A VM of this kind, as far as room is concerned."""
    return {
        "selfLink": self_link(f"{zone}/instances/-"),
        "machineType": self_link(f"{zone}/machineTypes/{last(properties['machineType'])}"),
        "scheduling": {},
        "guestAccelerators": properties.get("guestAccelerators", []),
    }


def _is_like(reservation: Resource, instance: Resource) -> bool:
    """Whether the VM has just the reservation's properties."""
    return _hardware(reservation["specificReservation"]["instanceProperties"]) == _hardware(instance)


def _hardware(one: dict[str, Any]) -> tuple[str, list[tuple[str, int]], str]:
    accelerators = sorted(
        (last(each["acceleratorType"]), int(each["acceleratorCount"])) for each in one.get("guestAccelerators", [])
    )
    return last(one["machineType"]), accelerators, one.get("minCpuPlatform", "")
