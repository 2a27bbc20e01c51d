"""Resource Manager: the projects of the world, to look at. gcloud asks for them by itself now and then.

https://cloud.google.com/resource-manager/reference/rest/v1/projects
https://cloud.google.com/resource-manager/reference/rest/v3/projects

`resourcemanager.policies`: {project: IAM policy}; `resourcemanager.lacking`: {permission: true} of what nobody has.
"""

from __future__ import annotations

import re

from localcloud.errors import GoogleError
from localcloud.plain import Json, PlainApi
from localcloud.projects import project_numbers
from localcloud.world import World

HOST = "cloudresourcemanager.googleapis.com"
POLICIES, LACKING = "resourcemanager.policies", "resourcemanager.lacking"
_PROJECTS = r"(?P<version>v1|v3)/projects"
_PROJECT = _PROJECTS + "/(?P<project>[^/:]+)"
_CREATED = "2020-01-01T00:00:00Z"


class ResourceManager(PlainApi):
    """The host: get, list, search, policies and permissions; 501 for the rest."""

    def __init__(self, world: World) -> None:
        routes = {
            f"GET /{_PROJECTS}(?::search)?": ("projects.List", self._list),
            f"GET /{_PROJECT}": ("projects.Get", self._get),
            f"POST /{_PROJECT}:getIamPolicy": ("projects.GetIamPolicy", self._policy),
            f"POST /{_PROJECT}:testIamPermissions": ("projects.TestIamPermissions", self._permissions),
        }
        super().__init__(world, HOST, routes)

    def _list(self, found: re.Match[str], params: Json) -> Json:
        return {"projects": [_shown(found["version"], *each) for each in project_numbers(self._world).items()]}

    def _get(self, found: re.Match[str], params: Json) -> Json:
        return _shown(found["version"], *self._project(found["project"], "resourcemanager.projects.get"))

    def _policy(self, found: re.Match[str], params: Json) -> Json:
        name, _ = self._project(found["project"], "resourcemanager.projects.getIamPolicy")
        policy: Json = self._world.table(POLICIES).get(name, {"version": 1, "etag": "BwWWja0YfJA="})
        return policy

    def _permissions(self, found: re.Match[str], params: Json) -> Json:
        self._project(found["project"], "resourcemanager.projects.get")
        lacking = self._world.table(LACKING)
        return {"permissions": [each for each in params.get("permissions", []) if each not in lacking]}

    def _project(self, asked: str, permission: str) -> tuple[str, str]:
        for name, number in project_numbers(self._world).items():
            if asked in (name, number):
                return name, number
        text = f"Permission '{permission}' denied on resource '//{HOST}/projects/{asked}'"
        raise GoogleError("PERMISSION_DENIED", f"{text} (or it may not exist).")


def _shown(version: str, name: str, number: str) -> Json:
    if version == "v1":
        state = {"projectNumber": number, "projectId": name, "lifecycleState": "ACTIVE"}
        return {**state, "name": name, "createTime": _CREATED}
    state = {"name": f"projects/{number}", "projectId": name, "state": "ACTIVE"}
    return {**state, "displayName": name, "createTime": _CREATED}
