"""Service Usage: every API that the stand-in serves is enabled. gcloud asks before it creates a cluster.

https://cloud.google.com/service-usage/docs/reference/rest/v1/services
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiohttp import web

from localcloud.errors import GoogleError
from localcloud.projects import project_numbers
from localcloud.world import World

HOST = "serviceusage.googleapis.com"
_PATH = re.compile(r"/v1/projects/([^/:]+)/services(?:/([^/:]+))?")


class ServiceUsage:
    """The host; `served` are the hosts of the stand-in."""

    def __init__(self, world: World, served: Iterable[str]) -> None:
        self._world = world
        self._served = served

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """GET of one service or of all; 501 for what enables and disables."""
        found = _PATH.fullmatch(request.path)
        if request.method != "GET" or found is None:
            text = f"The local stand-in does not implement {request.method} {request.path}."
            return _refused(GoogleError("UNIMPLEMENTED", text))
        numbers = project_numbers(self._world)
        number = numbers.get(found[1], found[1])
        if number not in numbers.values():
            return _refused(GoogleError("PERMISSION_DENIED", f"Permission denied to get service [{found[2] or ''}]"))
        if found[2]:
            return web.json_response(self._service(number, found[2]))
        return web.json_response({"services": [self._service(number, each) for each in sorted(self._served)]})

    def _service(self, number: str, name: str) -> dict[str, object]:
        parent = f"projects/{number}"
        state = "ENABLED" if name in self._served else "DISABLED"
        return {"name": f"{parent}/services/{name}", "config": {"name": name}, "state": state, "parent": parent}


def _refused(error: GoogleError) -> web.Response:
    return web.json_response(error.json(), status=error.code)
