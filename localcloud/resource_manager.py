"""Resource Manager: the projects of the world, to look at. gcloud asks for them by itself now and then.

https://cloud.google.com/resource-manager/reference/rest/v1/projects
https://cloud.google.com/resource-manager/reference/rest/v3/projects
"""

from __future__ import annotations

import re

from aiohttp import web

from localcloud.errors import GoogleError
from localcloud.projects import project_numbers
from localcloud.world import World

HOST = "cloudresourcemanager.googleapis.com"
_PATH = re.compile(r"/(v1|v3)/projects(?:/([^/:]+)|:search)?")
_CREATED = "2020-01-01T00:00:00Z"


class ResourceManager:
    """The host: get, list and search; 501 for the rest."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        found = _PATH.fullmatch(request.path)
        if request.method != "GET" or found is None:
            text = f"The local stand-in does not implement {request.method} {request.path}."
            return _refused(GoogleError("UNIMPLEMENTED", text))
        version, asked = found.groups()
        projects = project_numbers(self._world)
        if not asked:
            return web.json_response({"projects": [_shown(version, *each) for each in projects.items()]})
        for name, number in projects.items():
            if asked in (name, number):
                return web.json_response(_shown(version, name, number))
        text = f"Permission 'resourcemanager.projects.get' denied on resource '//{HOST}/projects/{asked}'"
        return _refused(GoogleError("PERMISSION_DENIED", f"{text} (or it may not exist)."))


def _shown(version: str, name: str, number: str) -> dict[str, str]:
    if version == "v1":
        state = {"projectNumber": number, "projectId": name, "lifecycleState": "ACTIVE"}
        return {**state, "name": name, "createTime": _CREATED}
    state = {"name": f"projects/{number}", "projectId": name, "state": "ACTIVE"}
    return {**state, "displayName": name, "createTime": _CREATED}


def _refused(error: GoogleError) -> web.Response:
    return web.json_response(error.json(), status=error.code)
