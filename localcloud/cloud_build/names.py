"""Names of builds, operations and triggers, in the older form (project and id) and the newer (one resource name)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from localcloud.errors import GoogleError
from localcloud.projects import project_id, project_numbers
from localcloud.world import World

GLOBAL = "global"
_PARENT = re.compile(r"projects/([^/]+)(?:/locations/([^/]+))?")
_BUILD = re.compile(r"projects/([^/]+)(?:/locations/([^/]+))?/(?:builds|triggers)/([^/]+)")


@dataclass(frozen=True)
class Place:
    """A project (its id) and a location."""

    project: str
    location: str = GLOBAL

    def key(self, collection: str, name: str) -> str:
        """The key of a thing in the tables: `projects/P/locations/L/builds/ID`."""
        return f"projects/{self.project}/locations/{self.location}/{collection}/{name}"


def not_found() -> GoogleError:
    """Cloud Build does not say what it did not find."""
    return GoogleError("NOT_FOUND", "Requested entity was not found.")


def place_of(world: World, params: dict[str, Any], *, permission: str) -> Place:
    """Where a list or create happens; `parent` wins over `projectId`."""
    if parent := params.get("parent"):
        found = _PARENT.fullmatch(parent)
        if found is None:
            raise GoogleError("INVALID_ARGUMENT", f'invalid parent "{parent}"')
        return Place(project_id(world, found[1], permission=permission), found[2] or GLOBAL)
    if not params.get("projectId"):
        raise GoogleError("INVALID_ARGUMENT", "invalid project: project_id must be specified")
    return Place(project_id(world, params["projectId"], permission=permission))


def named(world: World, params: dict[str, Any], *, id_field: str = "id", permission: str) -> tuple[Place, str]:
    """Which build (`id`) or trigger (`triggerId`) a call means."""
    if name := params.get("name"):
        found = _BUILD.fullmatch(name)
        if found is None:
            raise GoogleError("INVALID_ARGUMENT", f'invalid name "{name}"')
        return Place(project_id(world, found[1], permission=permission), found[2] or GLOBAL), found[3]
    if not params.get(id_field):
        raise GoogleError("INVALID_ARGUMENT", f"{id_field} must be specified")
    return place_of(world, params, permission=permission), params[id_field]


def resource_name(world: World, place: Place, collection: str, name: str) -> str:
    """The name Google prints: with the project's number."""
    number = project_numbers(world)[place.project]
    return f"projects/{number}/locations/{place.location}/{collection}/{name}"


def operation_name(project: str, build_id: str) -> str:
    """`operations/build/P/<base64 of the build's id>`."""
    return f"operations/build/{project}/{base64.b64encode(build_id.encode()).decode()}"


def build_id_of(operation: str) -> str:
    """The build an operation is about; the global and the regional name are accepted."""
    last = operation.rpartition("/")[2]
    try:
        return base64.b64decode(last, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return last
