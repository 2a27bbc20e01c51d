"""Service Usage, reading only (https://cloud.google.com/service-usage/docs/reference/rest/v1/services)."""

from __future__ import annotations

from collections.abc import Collection

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.references import last_part

HOST = "serviceusage.googleapis.com"


class ServiceUsageApi:
    """The `ServiceUsage` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def enabled(self, project: str, apis: Collection[str]) -> frozenset[str]:
        names = [f"projects/{project}/services/{api}" for api in sorted(apis)]
        found = self._rest.get(f"v1/projects/{project}/services:batchGet", {"names": names})
        return frozenset(last_part(each["name"]) for each in found.get("services", []) if each["state"] == "ENABLED")
