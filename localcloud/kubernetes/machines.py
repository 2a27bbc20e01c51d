"""What a cluster's nodes have and do, as far as the world outside of the cluster decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

START_SECONDS = 2.0  # from binding to Running, unless the world says otherwise


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a pod's containers end: after `seconds` (None: as the pod or its kind says), with what their state says."""

    seconds: float | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""

    @property
    def well(self) -> bool:
        """Whether the pod has succeeded then."""
        return self.exit_code == 0


class Machines:
    """Nodes that hold every image and whose pods end well. A world has its own."""

    def start_seconds(self, pod: Json, node: Json) -> float:
        """How long a pod needs from binding to Running."""
        return START_SECONDS

    def image_bytes(self, node: Json, image: str) -> int | None:
        """The size of a container image that the node holds; None where it must be pulled."""
        return 0

    def pulled(self, node: Json, image: str) -> int:
        """The node has pulled this image, which it did not hold; its size in bytes."""
        return 0

    def ending(self, pod: Json, node: Json) -> Ending:
        """How a pod ends that ends at all."""
        return Ending()
