"""Cloud Functions, reading only (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions)."""

from __future__ import annotations

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.services.ports import Json

HOST = "cloudfunctions.googleapis.com"


class CloudFunctions:
    """The `Functions` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def functions(self, project: str) -> list[Json]:
        return self._rest.pages(f"v2/projects/{project}/locations/-/functions", "functions")
