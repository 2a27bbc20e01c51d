"""Compute Engine's allocation quotas (https://cloud.google.com/compute/docs/reference/rest/v1/regions/list)."""

from __future__ import annotations

from poolwright.adapters.compute import HOST
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.services.ports import Json


class ComputeQuotas:
    """The `Quotas` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def of_regions(self, project: str) -> dict[str, list[Json]]:
        fields = {"fields": "items(name,quotas),nextPageToken"}
        found = self._rest.pages(f"compute/v1/projects/{project}/regions", "items", fields)
        return {each["name"]: each.get("quotas", []) for each in found}

    def of_project(self, project: str) -> list[Json]:
        found: list[Json] = self._rest.get(f"compute/v1/projects/{project}", {"fields": "quotas"}).get("quotas", [])
        return found
