"""Organization Policy, reading only
(https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies/getEffectivePolicy)."""

from __future__ import annotations

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.services.ports import Json

HOST = "orgpolicy.googleapis.com"


class OrgPolicyApi:
    """The `OrgPolicy` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def effective(self, project: str, constraint: str) -> Json:
        found = self._rest.get(f"v2/projects/{project}/policies/{constraint}:getEffectivePolicy")
        spec: Json = found.get("spec", {})
        return spec
