"""Resource Manager, reading only (https://cloud.google.com/resource-manager/reference/rest/v3/projects)."""

from __future__ import annotations

from collections.abc import Collection

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.references import last_part
from poolwright.services.ports import Json

HOST = "cloudresourcemanager.googleapis.com"
_WITH_CONDITIONS = {"options": {"requestedPolicyVersion": 3}}


class ResourceManager:
    """The `Projects` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def number(self, project: str) -> str:
        return last_part(self._rest.get(f"v3/projects/{project}")["name"])

    def allowed(self, project: str, permissions: Collection[str]) -> frozenset[str]:
        found = self._rest.ask(f"v3/projects/{project}:testIamPermissions", {"permissions": sorted(permissions)})
        return frozenset(found.get("permissions", []))

    def policy(self, project: str) -> Json:
        return self._rest.ask(f"v3/projects/{project}:getIamPolicy", _WITH_CONDITIONS)
