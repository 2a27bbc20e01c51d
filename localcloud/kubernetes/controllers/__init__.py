"""The controllers that keep an embedded cluster alive."""

from __future__ import annotations

from localcloud.kubernetes.objects import Objects


class Controllers:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.next_due: float | None = None

    def run(self) -> None:
        pass
