"""What the nodes of a cluster hold in container images, and how the pods of Jobs end on them.

A node holds what GKE bakes into its images, what we bake into ours, and what its pods have had pulled since.

`gke.bakedImages`: container image -> size in bytes, what our boot images hold beside GKE's own.
`gke.podEnds`: glob of `<namespace>/<pod>` -> how such pods end: {"exitCode", "reason", "message", "seconds",
"bootImage"}, each as it is meant in a container's terminated state; `seconds` is how long they run (very long: they
hang), `bootImage` keeps it to nodes that booted that image. The first that fits counts.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

from localcloud.gke import nodes
from localcloud.gke.timings import seconds
from localcloud.kubernetes import Ending, Machines
from localcloud.world import World

Json = dict[str, Any]

# --node-status-max-images (https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/).
MOST_LISTED = 50
PULLED_BYTES = 1_000_000_000  # of an image that nobody named a size of


class NodeContainers(Machines):
    """The nodes of one cluster. `listed` tells the node's status that its images are others now."""

    def __init__(self, world: World, cluster_path: str, listed: Callable[[str, list[Json]], None]) -> None:
        self._world = world
        self._cluster_path = cluster_path
        self._listed = listed

    def start_seconds(self, pod: Json, node: Json) -> float:
        """A pull, where an image is missing."""
        there = all(self.image_bytes(node, each.get("image", "")) is not None for each in pod["spec"]["containers"])
        return seconds(self._world, "pullBaked" if there else "pullStock") / self._world.simulation.speed

    def image_bytes(self, node: Json, image: str) -> int | None:
        """By tag, or by digest where one is given."""
        row = self._row(node)
        return _all(self._world, row).get(_plain(image)) if row is not None else 0

    def pulled(self, node: Json, image: str) -> int:
        """From now on the node has it."""
        row = self._row(node)
        size = int(self._world.table("gke.bakedImages").get(image, PULLED_BYTES))
        if row is not None:
            row.setdefault("pulled", {})[image] = size
            self._listed(node["metadata"]["name"], listed(self._world, row))
        return size

    def ending(self, pod: Json, node: Json) -> Ending:
        """As `gke.podEnds` says; well, where it says nothing."""
        name, row = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}", self._row(node) or {}
        booted = str(row.get("image", "")).rpartition("/")[2]
        for pattern, end in self._world.table("gke.podEnds").items():
            if fnmatch.fnmatch(name, pattern) and end.get("bootImage", "") in ("", booted):
                return Ending(
                    seconds=None if end.get("seconds") is None else end["seconds"] / self._world.simulation.speed,
                    exit_code=int(end.get("exitCode", 0)),
                    reason=end.get("reason", ""),
                    message=end.get("message", ""),
                )
        return Ending()

    def _row(self, node: Json) -> Json | None:
        found: Json | None = self._world.table("gke.nodes").get(
            f"{self._cluster_path}/nodes/{node['metadata']['name']}"
        )
        return found


def listed(world: World, row: Json) -> list[Json]:
    """`status.images`: the largest, at most fifty."""
    held = sorted(_held(world, row).items(), key=lambda each: (-each[1], each[0]))
    return [nodes.image(name, size) for name, size in held[:MOST_LISTED]]


def _held(world: World, row: Json) -> dict[str, int]:
    baked = world.table("gke.bakedImages") if row["baked"] else {}
    return {**dict(nodes.SYSTEM_IMAGES), **baked, **row.get("pulled", {})}


def _all(world: World, row: Json) -> dict[str, int]:
    return {_plain(name): size for name, size in _held(world, row).items()}


def _plain(image: str) -> str:
    """`repository@digest` of `repository:tag@digest`: the tag is for readers then."""
    name, at, digest = image.partition("@")
    if not at:
        return image
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{digest}"
