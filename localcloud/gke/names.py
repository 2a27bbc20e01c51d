"""Where a request points: one place that reads both of GKE's generations of names.

`name`/`parent` hold `projects/P/locations/L/...`; the older requests carry project_id, zone, cluster_id and
node_pool_id (https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.zones.clusters).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud import projects
from localcloud.compute.places import REGIONS, ZONES
from localcloud.gke.refusals import invalid, not_found_location
from localcloud.world import World

ROOT = "https://container.googleapis.com/v1/"
COMPUTE_ROOT = "https://www.googleapis.com/compute/v1/"

# Zones that GKE takes for a regional cluster that names none; a, b and c elsewhere.
_LETTERS = {"us-east1": "bcd", "europe-west1": "bcd", "us-central1": "abf"}


@dataclass(frozen=True)
class Target:
    """What a request names; the later parts are empty where it names less."""

    project: str
    location: str
    cluster: str = ""
    pool: str = ""
    operation: str = ""

    @property
    def parent_path(self) -> str:
        """`projects/P/locations/L`."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def cluster_path(self) -> str:
        """The cluster's key in the world's tables."""
        return f"{self.parent_path}/clusters/{self.cluster}"

    @property
    def pool_path(self) -> str:
        """The node pool's key."""
        return f"{self.cluster_path}/nodePools/{self.pool}"

    @property
    def operation_path(self) -> str:
        """The operation's key."""
        return f"{self.parent_path}/operations/{self.operation}"


def target_of(params: dict[str, Any], world: World) -> Target:
    """What the request names, its project as an id. Errors: 403 for an unknown project, 400 for a bad location."""
    text = str(params.get("name") or params.get("parent") or "")
    parts = text.split("/") if "/" in text else []
    named = dict(zip(parts[::2], parts[1::2], strict=False))
    project = named.get("projects") or str(params.get("projectId", ""))
    location = named.get("locations") or named.get("zones") or str(params.get("zone") or "-")
    if location != "-" and location not in REGIONS and location not in ZONES:
        raise not_found_location(location)
    return Target(
        project=project_id(project, world),
        location=location,
        cluster=named.get("clusters") or str(params.get("clusterId", "")),
        pool=named.get("nodePools") or str(params.get("nodePoolId", "")),
        operation=named.get("operations") or str(params.get("operationId", "")),
    )


def project_id(given: str, world: World) -> str:
    """A project's id for its id or number."""
    if not given:
        raise invalid('Invalid value for field "parent".')
    return projects.project_id(world, given, permission="container.clusters.list")


def number_of(project: str, world: World) -> str:
    """A project's number."""
    return projects.project_numbers(world)[project]


def of_path(path: str) -> Target:
    """A key of the tables, read back."""
    parts = path.split("/")
    named = dict(zip(parts[::2], parts[1::2], strict=False))
    return Target(
        project=named["projects"],
        location=named["locations"],
        cluster=named.get("clusters", ""),
        pool=named.get("nodePools", ""),
        operation=named.get("operations", ""),
    )


def is_zone(location: str) -> bool:
    """`us-central1-a` is a zone, `us-central1` a region."""
    return location.count("-") == 2


def region_of(location: str) -> str:
    """The region of a zone or of itself."""
    return location.rpartition("-")[0] if is_zone(location) else location


def default_zones(location: str) -> list[str]:
    """Where the nodes of a cluster are that does not say."""
    if is_zone(location):
        return [location]
    return [f"{location}-{letter}" for letter in _LETTERS.get(location, "abc")]


def shown(path: str) -> str:
    """A path as GKE prints it: what lies in a zone keeps the older form."""
    location = of_path(path).location
    return path.replace(f"/locations/{location}", f"/zones/{location}", 1) if is_zone(location) else path


def link_of(path: str) -> str:
    """A self link."""
    return ROOT + shown(path)


def numbered_link(path: str, world: World) -> str:
    """The same with the project's number, as operations have it."""
    project = of_path(path).project
    return link_of(path).replace(f"/projects/{project}/", f"/projects/{number_of(project, world)}/", 1)
