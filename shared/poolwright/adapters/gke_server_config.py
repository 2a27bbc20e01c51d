"""What GKE offers, reading only (https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/ServerConfig)."""

from __future__ import annotations

from poolwright.adapters.gke import HOST
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest


class GkeServerConfig:
    """The `ServerConfig` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def image_types(self, project: str, location: str) -> list[str]:
        found = self._rest.get(
            f"v1/projects/{project}/locations/{location}/serverConfig", {"fields": "validImageTypes"}
        )
        return [str(each) for each in found.get("validImageTypes", [])]
