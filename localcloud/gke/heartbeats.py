"""What kubelets say of themselves: their leases, whether their nodes are Ready, and nodes that fail on request.

`gke.failingNodes`: node's name -> "NotReady" (its kubelet says so) or "Unknown" (it says nothing any more); "" is well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from localcloud.gke import nodes
from localcloud.gke.control_planes import ControlPlanes
from localcloud.kubernetes.errors import ApiError
from localcloud.world import Table, World

log = logging.getLogger(__name__)

Json = dict[str, Any]

HEARTBEAT = 10.0  # the machine's own seconds: leases are read by clients with clocks of their own
LOST_AFTER = 40.0  # of silence; on a real control plane its own node controller counts
AGAIN_AFTER = 1.0  # where a control plane did not answer
LEASES = "leases.coordination.k8s.io"


class Heartbeats:
    """Of all nodes. A node is told by its key in `gke.nodes` and by the identity of the VM that it is."""

    def __init__(self, world: World, planes: ControlPlanes) -> None:
        self._world = world
        self._planes = planes
        world.listen("table.changed", self._table_changed)
        self.on("gke.node.health", self._health)
        self.on("gke.node.lost", self._lost)
        world.simulation.on("gke.node.beat", self._beat)

    @property
    def _rows(self) -> Table:
        return self._world.table("gke.nodes")

    def on(self, event: str, handler: Callable[[str, str], None]) -> None:
        """Name who carries out an event about a node: a little later once more where a control plane is away."""
        self._world.simulation.on(event, partial(self.attempt, event, handler))

    def attempt(self, event: str, handler: Callable[[str, str], None], *about: str) -> None:
        """The same now."""
        try:
            handler(*about)
        except ApiError as away:
            if away.code != 503:
                raise
            self._world.simulation.after(AGAIN_AFTER * self._world.simulation.speed, event, *about)

    def alive(self, key: str, identity: str) -> tuple[Json | None, Json | None]:
        """The node's row and, while it runs, its VM."""
        row = self._rows.get(key)
        if row is None or row["id"] != identity:
            return None, None
        instance = self._world.table("compute.instances").get(row["instance"])
        return row, instance if instance is not None and instance["status"] == "RUNNING" else None

    def node(self, cluster_path: str, name: str) -> Json | None:
        """As the cluster has it."""
        api = self._planes.apis.get(cluster_path)
        try:
            return api.get("nodes", name) if api is not None else None
        except ApiError as missing:
            if missing.code != 404:
                raise
            return None

    def set_ready(self, key: str, row: Json, status: str, reason: str) -> None:
        """Its condition Ready."""
        api, name = self._planes.apis.get(row["cluster"]), key.rpartition("/")[2]
        node = self.node(row["cluster"], name)
        if api is None or node is None:
            return
        fresh = nodes.condition("Ready", status, reason, self._world.simulation.now())
        kept = [each for each in node["status"]["conditions"] if each["type"] != "Ready"]
        api.patch("nodes", name, {"status": {"conditions": [*kept, fresh]}}, subresource="status")

    def go_on(self) -> None:
        """After a start: hearts beat again."""
        self._world.simulation.after(HEARTBEAT * self._world.simulation.speed, "gke.node.beat")

    def _beat(self) -> None:
        now, state = self._world.simulation.now(), self._world.table("gke.state")
        # A saved world brings its own next beat along: the one that comes too soon after another is dropped.
        if now - state.get("beatAt", 0.0) < HEARTBEAT * 0.99:
            return
        state["beatAt"] = now
        for key, row in self._rows.items():
            if self._failing(key) != "Unknown":
                self._renew(key, row)
        self.go_on()

    def _renew(self, key: str, row: Json) -> None:
        """A node's lease; a beat that does not come through is missed."""
        api, name = self._planes.apis.get(row["cluster"]), key.rpartition("/")[2]
        renewed = {"spec": {"renewTime": nodes.lease(name, self._world.simulation.now())["spec"]["renewTime"]}}
        try:
            if api is not None and self.node(row["cluster"], name) is not None:
                api.patch(LEASES, name, renewed, nodes.LEASES)
        except ApiError as missed:
            log.warning("the lease of %s is not renewed: %s", name, missed)

    def _table_changed(self, table: str) -> None:
        """Nodes fail, or recover, as they are told."""
        if table == "gke.failingNodes":
            for key, row in self._rows.items():
                self._world.simulation.after(0.0, "gke.node.health", key, row["id"])

    def _health(self, key: str, identity: str) -> None:
        row, instance = self.alive(key, identity)
        failing = self._failing(key)
        if row is None or instance is None or row.get("failing", "") == failing:
            return
        if failing == "NotReady":
            self.set_ready(key, row, "False", "KubeletNotReady")
        elif failing == "":
            self._renew(key, row)
            self.set_ready(key, row, "True", "KubeletReady")
        elif row["cluster"] not in self._planes.real:
            self._world.simulation.after(LOST_AFTER * self._world.simulation.speed, "gke.node.lost", key, identity)
        row["failing"] = failing

    def _lost(self, key: str, identity: str) -> None:
        row, _ = self.alive(key, identity)
        if row is not None and self._failing(key) == "Unknown":
            self.set_ready(key, row, "Unknown", "NodeStatusUnknown")

    def _failing(self, key: str) -> str:
        return str(self._world.table("gke.failingNodes").get(key.rpartition("/")[2], ""))
