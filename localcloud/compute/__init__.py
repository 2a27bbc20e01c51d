"""The stand-in's Compute Engine: instance templates, managed instance groups with living members, VMs, disks, images.

`Compute(world).api()` is what clients talk to; the other methods do the same for neighbours in the process.
What is held lies in the tables `compute.<collection>` by path (`projects/P/zones/Z/instanceGroupManagers/N`).
Set from outside: `compute.projects` {id: number}, `compute.stock`, `compute.quotas` (see `room`), `compute.timings`
(see `timings`), `compute.rateQuotas` (see `rate_quotas`), `compute.serialPorts` {instance path: text}.
Tells: `instance.running`, `instance.deleting`, `instance.stopped`, `instance.deleted` (instance JSON) and
`group.changed` (path).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from localcloud.compute.disks import Disks
from localcloud.compute.groups import Groups
from localcloud.compute.hardware import Hardware
from localcloud.compute.images import Images
from localcloud.compute.instance_groups import InstanceGroups
from localcloud.compute.instances import Instances
from localcloud.compute.managers import Managers
from localcloud.compute.member_methods import MemberMethods
from localcloud.compute.members import Members, instance_path
from localcloud.compute.networks import Networks
from localcloud.compute.operations import Operations
from localcloud.compute.places import Places
from localcloud.compute.public_images import public_images
from localcloud.compute.requests import Requests
from localcloud.compute.reservations import Reservations
from localcloud.compute.resize_requests import ResizeRequests
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.room import Room
from localcloud.compute.surface import compute_methods
from localcloud.compute.templates import Templates
from localcloud.compute.updates import Updates
from localcloud.compute.vms import Vms
from localcloud.dispatch import Api, Handler
from localcloud.world import World

HOST = "compute.googleapis.com"
ALIASES = {
    "/compute/beta/": "/compute/v1/",
    "/compute/alpha/": "/compute/v1/",
    "/projects/": "/compute/v1/projects/",
}
# Discovery clients send it with every list; nothing is ever partial here.
IGNORED = ("returnPartialSuccess",)


class Part(Protocol):
    """Some of the surface."""

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by `service.Method`."""


class Compute:
    """Compute Engine of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._resources = Resources(world)
        self._places = Places(self._resources)
        self._operations = Operations(self._resources, self._places)
        self._images = Images(self._resources, self._places, self._operations)
        self._disks = Disks(self._resources, self._places, self._operations, self._images)
        self._room = Room(self._resources)
        self._reservations = Reservations(self._resources, self._places, self._operations, self._room)
        self._vms = Vms(self._resources, self._disks, self._room, self._reservations)
        self._members = Members(self._resources, self._vms)
        self._updates = Updates(self._resources, self._members)
        self._templates = Templates(self._resources, self._places, self._operations)
        self._groups = Groups(self._resources, self._members, self._updates)
        self._managers = Managers(self._resources, self._places, self._operations, self._groups, self._members)

        self._parts: list[Part] = [
            self._operations,
            self._images,
            self._disks,
            self._templates,
            self._reservations,
            self._managers,
            MemberMethods(self._resources, self._operations, self._managers, self._members, self._updates),
            ResizeRequests(self._resources, self._operations, self._managers, self._members, self._updates, self._vms),
            Instances(self._resources, self._places, self._operations, self._vms, self._disks),
            InstanceGroups(self._resources, self._places, self._members),
            Hardware(self._resources, self._places, self._room),
            Networks(self._resources, self._places),
        ]

        for project, body in public_images():
            self._images.make(project, body, ready=True)

    def api(self) -> Api:
        """What clients talk to."""
        gate = Requests(self._resources, self._places)
        handlers: dict[str, Handler] = {}
        for part in self._parts:
            handlers |= {name: gate.guarded(handler) for name, handler in part.handlers().items()}
        return Api(
            world=self._world,
            host=HOST,
            methods=list(compute_methods()),
            handlers=handlers,
            aliases=ALIASES,
            ignored=IGNORED,
            style="compute",
        )

    # For neighbours in the process: done at once, not in the call log.

    def insert_reservation(self, zone: str, body: dict[str, Any]) -> Resource:
        """A new reservation, READY."""
        return self._reservations.shown(self._reservations.make(self._zone(zone), body))

    def insert_instance_template(self, body: dict[str, Any], *, project: str | None = None) -> Resource:
        """A new global instance template."""
        return self._templates.make(f"projects/{project or self._world.project}/global", body)

    def insert_image(self, body: dict[str, Any], *, project: str | None = None) -> Resource:
        """A new image, READY at once; `diskSizeGb` or a source gives its size."""
        return self._images.make(project or self._world.project, body, ready=True)

    def insert_instance_group_manager(self, zone: str, body: dict[str, Any]) -> Resource:
        """A new group in a zone; its members begin to be made."""
        return self._groups.make(self._zone(zone), body)

    def patch_instance_group_manager(self, zone: str, name: str, body: dict[str, Any]) -> Resource:
        """A JSON merge into a group."""
        self._groups.patch(self._path(zone, name), body)
        return self.group(zone, name)

    def delete_instance_group_manager(self, zone: str, name: str) -> None:
        """Members begin to go; the group is forgotten when they are gone."""
        path = self._path(zone, name)
        self._managers.begin_delete(path)
        self._operations.begin("compute.instanceGroupManagers.delete", path, effect="group.delete", args=[path])

    def resize(self, zone: str, name: str, size: int) -> None:
        """Another target size."""
        self._groups.resize(self._path(zone, name), size)

    def group(self, zone: str, name: str) -> Resource:
        """A group as Google prints it; 404 where there is none."""
        return self._groups.shown(self._path(zone, name))

    def managed_instances_of(self, zone: str, name: str) -> list[Resource]:
        """A group's members as ManagedInstance."""
        path = self._path(zone, name)
        return [self._members.shown(path, each) for each in sorted(self._members.of(path))]

    def instances_of(self, zone: str, name: str) -> list[Resource]:
        """A group's VMs, those that exist."""
        path = self._path(zone, name)
        found = [self._resources.find(instance_path(path, each)) for each in sorted(self._members.of(path))]
        return [each for each in found if each is not None]

    def delete_instances(self, zone: str, name: str, instances: list[str]) -> None:
        """Chosen members go, and the target size with them; those on their way out already are passed over."""
        path = self._path(zone, name)
        chosen = [each for each in instances if each in self._members.staying(path)]
        group = self._resources.get(path)
        group["targetSize"] = max(0, int(group["targetSize"]) - len(chosen))
        for each in chosen:
            self._members.delete(path, each)

    def delete_instance(self, zone: str, name: str) -> None:
        """Begin to delete a VM; its group, if it has one, makes it anew."""
        self._vms.delete(f"{self._zone(zone)}/instances/{name}")

    def _zone(self, zone: str) -> str:
        self._places.check_zone(zone)
        return f"projects/{self._world.project}/zones/{zone}"

    def _path(self, zone: str, name: str) -> str:
        return f"{self._zone(zone)}/instanceGroupManagers/{name}"
