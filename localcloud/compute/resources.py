"""All resources by their paths, in the world's tables (`compute.instances`: path -> JSON)."""

from __future__ import annotations

from typing import Any

from localcloud.compute.references import last, location_fields, path_of, self_link
from localcloud.compute.refusals import already_exists, not_found
from localcloud.world import Table, World

Resource = dict[str, Any]


def collection_of(path: str) -> str:
    """`instances` of `projects/P/zones/Z/instances/N`."""
    return path.split("/")[-2]


class Resources:
    """The one way to read and write what Compute holds."""

    def __init__(self, world: World) -> None:
        self.world = world

    def table(self, collection: str) -> Table:
        """path -> resource."""
        return self.world.table(f"compute.{collection}")

    def find(self, path: str) -> Resource | None:
        """The resource, or None."""
        found: Resource | None = self.table(collection_of(path)).get(path)
        return found

    def get(self, path: str) -> Resource:
        """The resource; 404 in Google's words where there is none."""
        found = self.find(path)
        if found is None:
            raise not_found(path)
        return found

    def add(self, path: str, body: Resource, *, kind: str) -> Resource:
        """A new resource with what every resource has: kind, id, creation time, self link, place."""
        if self.find(path) is not None:
            raise already_exists(path)
        resource = {
            **body,
            "kind": f"compute#{kind}",
            "id": self.world.unique_id(),
            "creationTimestamp": self.world.simulation.timestamp(),
            "name": last(path),
            "selfLink": self_link(path),
            **location_fields(path),
        }
        self.table(collection_of(path))[path] = resource
        return resource

    def remove(self, path: str) -> None:
        """Gone; already gone is well too."""
        self.table(collection_of(path)).pop(path, None)

    def within(self, scope_path: str, collection: str) -> list[Resource]:
        """What lies in `projects/P/zones/Z`, by name."""
        start = f"{scope_path}/{collection}/"
        table = self.table(collection)
        return [table[path] for path in sorted(table) if path.startswith(start)]

    def scopes(self, project: str, collection: str) -> dict[str, list[Resource]]:
        """What a project holds, by scope (`zones/Z`, `regions/R`, `global`)."""
        found: dict[str, list[Resource]] = {}
        table = self.table(collection)
        for path in sorted(table):
            parts = path.split("/")
            if parts[1] == project:
                scope = "global" if parts[2] == "global" else "/".join(parts[2:4])
                found.setdefault(scope, []).append(table[path])
        return found

    def numbers(self) -> dict[str, str]:
        """Project number -> project id."""
        known = {self.world.project_number: self.world.project}
        return known | {str(number): name for name, number in self.world.table("compute.projects").items()}

    def path(self, text: str, *, project: str, collection: str, field: str, scope: str | None = None) -> str:
        """A reference of a request as a path."""
        return path_of(text, project=project, collection=collection, field=field, scope=scope, numbers=self.numbers())
