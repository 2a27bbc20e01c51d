"""IAM, reading only (https://cloud.google.com/iam/docs/reference/rest)."""

from __future__ import annotations

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.services.ports import Json

HOST = "iam.googleapis.com"


class IamApi:
    """The `Iam` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def roles(self, project: str) -> dict[str, frozenset[str]]:
        found = self._rest.pages(f"v1/projects/{project}/roles", "roles", {"view": "FULL", "pageSize": "1000"})
        return {each["name"]: frozenset(each.get("includedPermissions", [])) for each in found}

    def account_policy(self, email: str) -> Json:
        return self._rest.ask(f"v1/projects/-/serviceAccounts/{email}:getIamPolicy")
