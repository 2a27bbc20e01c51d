"""Projects, regions and zones: which exist, and what a request's place is."""

from __future__ import annotations

from typing import Any

from localcloud.compute.public_images import PROJECTS
from localcloud.compute.references import region_of
from localcloud.compute.refusals import invalid, not_found
from localcloud.compute.resources import Resources

# Region -> its zones' letters (https://cloud.google.com/compute/docs/regions-zones).
REGIONS = {
    "africa-south1": "abc", "asia-east1": "abc", "asia-east2": "abc", "asia-northeast1": "abc",
    "asia-northeast2": "abc", "asia-northeast3": "abc", "asia-south1": "abc", "asia-south2": "abc",
    "asia-southeast1": "abc", "asia-southeast2": "abc", "australia-southeast1": "abc", "australia-southeast2": "abc",
    "europe-central2": "abc", "europe-north1": "abc", "europe-southwest1": "abc", "europe-west1": "bcd",
    "europe-west10": "abc", "europe-west12": "abc", "europe-west2": "abc", "europe-west3": "abc",
    "europe-west4": "abc", "europe-west6": "abc", "europe-west8": "abc", "europe-west9": "abc", "me-central1": "abc",
    "me-central2": "abc", "me-west1": "abc", "northamerica-northeast1": "abc", "northamerica-northeast2": "abc",
    "southamerica-east1": "abc", "southamerica-west1": "abc", "us-central1": "abcf", "us-east1": "bcd",
    "us-east4": "abc", "us-east5": "abc", "us-south1": "abc", "us-west1": "abc", "us-west2": "abc", "us-west3": "abc",
    "us-west4": "abc",
}  # fmt: skip
ZONES = {f"{region}-{letter}": region for region, letters in REGIONS.items() for letter in letters}


class Places:
    """Where things are."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def check_project(self, params: dict[str, Any]) -> None:
        """Put the project's id for its number; 404 for a project that the world does not know."""
        world = self._resources.world
        given = str(params.get("project", ""))
        project = self._resources.numbers().get(given, given)
        params["project"] = project
        known = {world.project, *world.table("compute.projects"), *PROJECTS}
        if project not in known and not self._holds_images(project):
            raise not_found(f"projects/{project}")

    def scope(self, params: dict[str, Any]) -> str:
        """`projects/P/zones/Z`, `projects/P/regions/R` or `projects/P/global`, checked."""
        project = params["project"]
        if zone := params.get("zone"):
            self.check_zone(zone)
            return f"projects/{project}/zones/{zone}"
        if region := params.get("region"):
            if region not in REGIONS:
                raise invalid("region", region, "Unknown region.")
            return f"projects/{project}/regions/{region}"
        return f"projects/{project}/global"

    def check_zone(self, zone: str) -> None:
        """400 for a zone that is none."""
        if zone not in ZONES:
            raise invalid("zone", zone, "Unknown zone.")

    def zone_scopes(self) -> list[str]:
        """`zones/Z` of all zones."""
        return [f"zones/{zone}" for zone in sorted(ZONES)]

    def region_scopes(self) -> list[str]:
        """`regions/R` of all regions."""
        return [f"regions/{region}" for region in sorted(REGIONS)]

    def all_scopes(self) -> list[str]:
        """Every scope."""
        return ["global", *self.region_scopes(), *self.zone_scopes()]

    def _holds_images(self, project: str) -> bool:
        start = f"projects/{project}/"
        return any(path.startswith(start) for path in self._resources.table("images"))


def region_scope(zone_scope: str) -> str:
    """`projects/P/regions/R` of `projects/P/zones/R-a`."""
    head, _, zone = zone_scope.rpartition("/zones/")
    return f"{head}/regions/{region_of(zone)}"
