"""Cloud Scheduler, reading only (https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs)."""

from __future__ import annotations

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.services.ports import Json

HOST = "cloudscheduler.googleapis.com"


class CloudScheduler:
    """The `Scheduler` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def jobs(self, project: str, location: str) -> list[Json]:
        return self._rest.pages(f"v1/projects/{project}/locations/{location}/jobs", "jobs")
