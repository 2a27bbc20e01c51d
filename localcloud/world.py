"""The world of the stand-in: tables of plain JSON, a clock, and the ways its parts tell each other what happened."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from localcloud.access import Access
from localcloud.calls import CallLog
from localcloud.faults import Faults
from localcloud.simulation import Simulation

log = logging.getLogger(__name__)

Table = dict[str, Any]
Publisher = Callable[[str, bytes, dict[str, str]], None]
Listener = Callable[..., None]


class World:
    """All state is in `tables` (JSON only) and in the simulation's queue, so that a world can be saved and goes on.

    Parts meet through `tell`/`listen`: Compute tells `instance.created`, and GKE's kubelets listen; nobody
    imports a neighbour for that.
    """

    def __init__(self, *, project: str, project_number: str = "314159265358", simulation: Simulation) -> None:
        self.project = project
        self.project_number = project_number
        self.simulation = simulation
        self.calls = CallLog()
        self.access = Access()
        self.faults = Faults(simulation.random)
        self.tables: dict[str, Table] = {}
        self.publish: Publisher = self._publish_nowhere
        # Called after every write and before its answer: whoever keeps the world writes it down.
        self.keep: Callable[[], None] = _keep_nothing
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def table(self, name: str) -> Table:
        """A table by its name (`compute.instanceTemplates`), made when first asked for."""
        return self.tables.setdefault(name, {})

    def number(self, kind: str) -> int:
        """The next number of a kind, counted in the world's state."""
        counters = self.table("counters")
        counters[kind] = counters.get(kind, 0) + 1
        return int(counters[kind])

    def unique_id(self) -> str:
        """A 64-bit id as Compute makes them, from the world's seeded dice."""
        return str(self.simulation.random.randrange(10**18, 9 * 10**18))

    def listen(self, happening: str, listener: Listener) -> None:
        """Call `listener` with what is told about `happening`."""
        self._listeners[happening].append(listener)

    def tell(self, happening: str, *args: Any) -> None:
        """Something happened; everybody who listens learns it at once."""
        for listener in self._listeners[happening]:
            listener(*args)

    def dump(self) -> dict[str, Any]:
        """The whole world as JSON."""
        return {
            "project": self.project,
            "projectNumber": self.project_number,
            "tables": self.tables,
            "simulation": self.simulation.saved(),
        }

    def save(self, path: Path) -> None:
        """Write the world so that `load` goes on from here; the old file stays whole until the new one is."""
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self.dump()))
        fresh.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a saved world."""
        saved = msgspec.json.decode(path.read_bytes())
        self.tables.clear()
        self.tables.update(saved["tables"])
        self.simulation.restore(saved["simulation"])

    def _publish_nowhere(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        log.debug("no Pub/Sub is connected: message for %s (%d bytes) goes nowhere", topic, len(data))


def _keep_nothing() -> None:
    """The world lives as long as its process."""
