"""The controllers that keep an embedded cluster alive, and the loop that lets them work."""

from __future__ import annotations

from localcloud.kubernetes.controllers.budgets import Budgets
from localcloud.kubernetes.controllers.controller import Controller, earliest
from localcloud.kubernetes.controllers.daemonsets import DaemonSets
from localcloud.kubernetes.controllers.definitions import Definitions
from localcloud.kubernetes.controllers.deployments import Deployments
from localcloud.kubernetes.controllers.garbage import Garbage
from localcloud.kubernetes.controllers.jobs import Jobs
from localcloud.kubernetes.controllers.kubelets import EmbeddedKubelets
from localcloud.kubernetes.controllers.namespaces import Namespaces
from localcloud.kubernetes.controllers.nodes import Nodes
from localcloud.kubernetes.controllers.replicasets import ReplicaSets
from localcloud.kubernetes.controllers.scheduler import Scheduler
from localcloud.kubernetes.controllers.statefulsets import StatefulSets
from localcloud.kubernetes.machines import Machines
from localcloud.kubernetes.objects import Objects
from localcloud.kubernetes.store import Change

MOST_ROUNDS = 200  # a cluster that is still restless after so many goes on at the next call


class Controllers:
    """All controllers of one cluster. Each runs when something it cares about changed, or when its time has come."""

    def __init__(self, objects: Objects, machines: Machines) -> None:
        self._objects = objects
        self._all: list[Controller] = [
            Definitions(), Namespaces(), Garbage(), Nodes(), Deployments(), ReplicaSets(), StatefulSets(),
            DaemonSets(), Jobs(), Scheduler(), EmbeddedKubelets(machines), Budgets(),
        ]  # fmt: skip
        self._awake: set[Controller] = set(self._all)
        self._due: dict[Controller, float | None] = {}
        self._running = False
        objects.store.subscribe(self._notice)

    @property
    def next_due(self) -> float | None:
        """When time alone gives somebody something to do; now when somebody is awake already."""
        return self._objects.now() if self._awake else earliest(self._due.values())

    def run(self) -> None:
        """Round after round, until nobody has anything to do. A call from inside of a run is ignored."""
        if self._running:
            return
        self._running = True
        try:
            for _ in range(MOST_ROUNDS):
                if not self._round():
                    return
        finally:
            self._running = False

    def _round(self) -> bool:
        now = self._objects.now()
        ready = [c for c in self._all if c in self._awake or (self._due.get(c) or now + 1) <= now]
        for controller in ready:
            self._awake.discard(controller)
            self._due[controller] = controller.run(self._objects)
        return bool(ready)

    def _notice(self, change: Change) -> None:
        self._awake.update(controller for controller in self._all if controller.cares(change))
