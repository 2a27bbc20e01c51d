"""Methods that only read what Google has: machine, accelerator and disk types, zones, regions, projects, networks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from localcloud.compute.catalog import ACCELERATORS, Machine, accelerators_of, machine, machines_of
from localcloud.compute.lists import aggregated, page
from localcloud.compute.places import REGIONS, ZONES, Places
from localcloud.compute.references import self_link
from localcloud.compute.refusals import not_found
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.room import Room
from localcloud.dispatch import Answer, Call, Handler

BORN = "1969-12-31T16:00:00.000-08:00"
DISK_TYPES = {
    "pd-standard": ("Standard Persistent Disk", "10GB-65536GB", "500"),
    "pd-balanced": ("Balanced Persistent Disk", "10GB-65536GB", "100"),
    "pd-ssd": ("SSD Persistent Disk", "10GB-65536GB", "100"),
    "pd-extreme": ("Extreme Persistent Disk", "500GB-65536GB", "1000"),
    "hyperdisk-balanced": ("Hyperdisk Balanced Persistent Disk", "4GB-65536GB", "100"),
    "hyperdisk-ml": ("Hyperdisk ML Persistent Disk", "4GB-65536GB", "100"),
    "hyperdisk-throughput": ("Hyperdisk Throughput Persistent Disk", "2048GB-32768GB", "2048"),
    "local-ssd": ("Local SSD", "375GB-375GB", "375"),
}
Zonal = Callable[[str, str], list[Resource]]


class Hardware:
    """What there is, whoever asks."""

    def __init__(self, resources: Resources, places: Places, room: Room) -> None:
        self._resources = resources
        self._places = places
        self._room = room

    def handlers(self) -> Mapping[str, Handler]:
        """machineTypes, acceleratorTypes, diskTypes, zones, regions, projects."""
        handlers: dict[str, Handler] = {
            "zones.Get": lambda call: self._one(_zone(call.params["project"], call.params["zone"]), call),
            "zones.List": lambda call: self._whole(call, "zone", [_zone(_p(call), each) for each in sorted(ZONES)]),
            "regions.Get": self.region,
            "regions.List": self.regions,
            "projects.Get": self.project,
            "machine_types.Get": self.machine_type,
        }
        kinds: dict[str, tuple[str, str, Zonal]] = {
            "machine_types": ("machineType", "machineTypes", _machine_types),
            "accelerator_types": ("acceleratorType", "acceleratorTypes", _accelerator_types),
            "disk_types": ("diskType", "diskTypes", _disk_types),
        }
        for service, (kind, collection, make) in kinds.items():
            handlers.setdefault(f"{service}.Get", self._getter(kind, collection, make))
            handlers[f"{service}.List"] = self._lister(kind, collection, make)
            handlers[f"{service}.AggregatedList"] = self._aggregator(kind, collection, make)
        return handlers

    def machine_type(self, call: Call) -> Answer:
        """A machine type of a zone, custom ones included."""
        self._places.scope(call.params)
        zone, name = call.params["zone"], call.params["machineType"]
        found = machine(name)
        if found is None or (found.accelerator and found.accelerator not in accelerators_of(zone)):
            raise not_found(f"projects/{_p(call)}/zones/{zone}/machineTypes/{name}")
        return _machine_type(_p(call), zone, found)

    def region(self, call: Call) -> Answer:
        """A region with its quotas."""
        if call.params["region"] not in REGIONS:
            raise not_found(f"projects/{_p(call)}/regions/{call.params['region']}")
        return self._region(_p(call), call.params["region"])

    def regions(self, call: Call) -> Answer:
        """All regions."""
        return self._whole(call, "region", [self._region(_p(call), each) for each in sorted(REGIONS)])

    def project(self, call: Call) -> Answer:
        """The project."""
        project = _p(call)
        number = next((number for number, name in self._resources.numbers().items() if name == project), "0")
        return {
            "kind": "compute#project",
            "id": number,
            "creationTimestamp": BORN,
            "name": project,
            "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": "AAAAAAAAAAA="},
            "selfLink": self_link(f"projects/{project}"),
            "defaultServiceAccount": f"{number}-compute@developer.gserviceaccount.com",
            "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
            "defaultNetworkTier": "PREMIUM",
        }

    def _region(self, project: str, region: str) -> Resource:
        path = f"projects/{project}/regions/{region}"
        return {
            "kind": "compute#region",
            "id": _id(path),
            "creationTimestamp": BORN,
            "name": region,
            "description": region,
            "status": "UP",
            "zones": [self_link(f"projects/{project}/zones/{each}") for each in ZONES if ZONES[each] == region],
            "quotas": self._room.quotas(project, region),
            "selfLink": self_link(path),
        }

    def _one(self, zone: Resource, call: Call) -> Answer:
        if call.params["zone"] not in ZONES:
            raise not_found(f"projects/{_p(call)}/zones/{call.params['zone']}")
        return zone

    def _whole(self, call: Call, kind: str, found: list[Resource]) -> Answer:
        return page(call, found, kind=f"{kind}List", path=f"projects/{_p(call)}/{kind}s")

    def _getter(self, kind: str, collection: str, make: Zonal) -> Handler:
        def get(call: Call) -> Answer:
            scope = self._places.scope(call.params)
            found = {each["name"]: each for each in make(_p(call), call.params["zone"])}
            if call.params[kind] not in found:
                raise not_found(f"{scope}/{collection}/{call.params[kind]}")
            return found[call.params[kind]]

        return get

    def _lister(self, kind: str, collection: str, make: Zonal) -> Handler:
        def list_(call: Call) -> Answer:
            scope = self._places.scope(call.params)
            found = make(_p(call), call.params["zone"])
            return page(call, found, kind=f"{kind}List", path=f"{scope}/{collection}")

        return list_

    def _aggregator(self, kind: str, collection: str, make: Zonal) -> Handler:
        def list_(call: Call) -> Answer:
            held = {f"zones/{zone}": make(_p(call), zone) for zone in sorted(ZONES)}
            path = f"projects/{_p(call)}/aggregated/{collection}"
            scopes = self._places.zone_scopes()
            return aggregated(call, held, kind=f"{kind}AggregatedList", path=path, scopes=scopes)

        return list_


def _p(call: Call) -> str:
    return str(call.params["project"])


def _id(path: str) -> str:
    return str(1000 + zlib.crc32(path.split("/", 2)[2].encode()) % 900000)


def _zone(project: str, zone: str) -> Resource:
    path = f"projects/{project}/zones/{zone}"
    region = ZONES.get(zone, "")
    return {
        "kind": "compute#zone",
        "id": _id(path),
        "creationTimestamp": BORN,
        "name": zone,
        "description": zone,
        "status": "UP",
        "region": self_link(f"projects/{project}/regions/{region}"),
        "availableCpuPlatforms": ["Intel Skylake", "Intel Cascade Lake", "Intel Sapphire Rapids"],
        "selfLink": self_link(path),
    }


def _machine_type(project: str, zone: str, found: Machine) -> Resource:
    path = f"projects/{project}/zones/{zone}/machineTypes/{found.name}"
    shown: Resource = {
        "kind": "compute#machineType",
        "id": _id(path),
        "creationTimestamp": BORN,
        "name": found.name,
        "description": found.description,
        "guestCpus": found.cpus,
        "memoryMb": found.memory_mb,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "zone": zone,
        "architecture": found.architecture,
        "isSharedCpu": found.shared,
        "selfLink": self_link(path),
    }
    if found.accelerator:
        shown["accelerators"] = [
            {"guestAcceleratorType": found.accelerator, "guestAcceleratorCount": found.accelerators}
        ]
    return shown


@lru_cache(maxsize=512)
def _machine_types(project: str, zone: str) -> list[Resource]:
    return [_machine_type(project, zone, each) for each in machines_of(zone)]


def _accelerator_types(project: str, zone: str) -> list[Resource]:
    found = []
    for name in accelerators_of(zone):
        path = f"projects/{project}/zones/{zone}/acceleratorTypes/{name}"
        found.append(
            {
                "kind": "compute#acceleratorType",
                "id": _id(path),
                "creationTimestamp": BORN,
                "name": name,
                "description": ACCELERATORS[name].description,
                "maximumCardsPerInstance": ACCELERATORS[name].most,
                "zone": self_link(f"projects/{project}/zones/{zone}"),
                "selfLink": self_link(path),
            }
        )
    return found


def _disk_types(project: str, zone: str) -> list[Resource]:
    found = []
    for name, (description, sizes, default) in sorted(DISK_TYPES.items()):
        path = f"projects/{project}/zones/{zone}/diskTypes/{name}"
        found.append(
            {
                "kind": "compute#diskType",
                "id": _id(path),
                "creationTimestamp": BORN,
                "name": name,
                "description": description,
                "validDiskSize": sizes,
                "defaultDiskSizeGb": default,
                "zone": self_link(f"projects/{project}/zones/{zone}"),
                "selfLink": self_link(path),
            }
        )
    return found
