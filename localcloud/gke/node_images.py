"""The node images that GKE's templates boot from, as public images of their projects."""

from __future__ import annotations

from localcloud.compute import Compute
from localcloud.gke import versions
from localcloud.gke.templates import COS_FEATURES
from localcloud.world import World


class NodeImages:
    """Images of all offered versions."""

    def __init__(self, compute: Compute, world: World) -> None:
        self._compute = compute
        self._world = world

    def publish(self) -> None:
        """Put them where templates look for them, once."""
        for version in versions.OFFERED:
            for image_type in ("COS_CONTAINERD", "UBUNTU_CONTAINERD"):
                path = versions.image_path(version, image_type)
                if path in self._world.table("compute.images"):
                    continue
                body = {
                    "name": path.rpartition("/")[2],
                    "diskSizeGb": "10",
                    "architecture": "X86_64",
                    "guestOsFeatures": [{"type": each} for each in COS_FEATURES],
                    "labels": {"gke-version": version.replace(".", "-")},
                }
                self._compute.insert_image(body, project=path.split("/")[1])
