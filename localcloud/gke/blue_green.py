"""Blue-green upgrades: a green group beside each blue one, the blue drained, soaked and deleted.

While it runs `instanceGroupUrls` names both (https://cloud.google.com/kubernetes-engine/docs/concepts/node-pool-upgrade-strategies#blue-green-upgrade-strategy).
"""

from __future__ import annotations

from typing import Any

from localcloud.errors import GoogleError
from localcloud.gke import names
from localcloud.gke.groups import Groups
from localcloud.gke.kubelets import Kubelets
from localcloud.gke.operations import Operations
from localcloud.gke.state import State, group_link
from localcloud.gke.timings import seconds
from localcloud.gke.upgrades import Upgrades

Json = dict[str, Any]
Next = tuple[str, float] | None


class BlueGreen:
    """The stages `bluegreen.*`."""

    def __init__(
        self, state: State, operations: Operations, groups: Groups, kubelets: Kubelets, upgrades: Upgrades
    ) -> None:
        self._state = state
        self._world = state.world
        self._groups = groups
        self._kubelets = kubelets
        self._upgrades = upgrades
        operations.step("bluegreen.create", self._create)
        operations.step("bluegreen.wait", self._wait)
        operations.step("bluegreen.drain", self._drain)
        operations.step("bluegreen.soak", self._soak)
        operations.step("bluegreen.delete", self._delete)

    def _create(self, record: Json) -> Next:
        pool = self._state.pools[record["target"]]
        blue = list(pool["_groups"])
        sizes = [(group, self._groups.size(group)) for group in blue]
        self._upgrades.change(pool, record["plan"])
        for group, size in sizes:
            group["color"] = "blue"
            self._groups.make(pool, group["zone"], size, color="green")
        record["plan"]["deadline"] = (
            self._world.simulation.now() + seconds(self._world, "patience") / self._world.simulation.speed
        )
        self._phase(pool, "CREATING_GREEN_POOL")
        return "bluegreen.wait", seconds(self._world, "poll")

    def _wait(self, record: Json) -> Next:
        pool = self._state.pools[record["target"]]
        cluster_path = names.of_path(record["target"]).cluster_path
        for group in self._colored(pool, "green"):
            ready = [
                each for each in self._groups.instances(group) if self._kubelets.node_ready(cluster_path, each["name"])
            ]
            if len(ready) < self._groups.size(group):
                if self._world.simulation.now() > record["plan"]["deadline"]:
                    raise GoogleError("DEADLINE_EXCEEDED", "Timed out waiting for the green pool to become ready.")
                return "bluegreen.wait", seconds(self._world, "poll")
        self._phase(pool, "CORDONING_BLUE_POOL")
        return "bluegreen.drain", seconds(self._world, "poll")

    def _drain(self, record: Json) -> Next:
        pool = self._state.pools[record["target"]]
        self._phase(pool, "DRAINING_BLUE_POOL")
        for group in self._colored(pool, "blue"):
            for each in self._groups.instances(group):
                self._kubelets.drain(names.of_path(record["target"]).cluster_path, each["name"])
        record["plan"]["soaked"] = 0.0
        return "bluegreen.soak", seconds(self._world, "drain")

    def _soak(self, record: Json) -> Next:
        pool, plan = self._state.pools[record["target"]], record["plan"]
        self._phase(pool, "NODE_POOL_SOAKING")
        step = seconds(self._world, "poll")
        plan["soaked"] += step
        if plan.get("complete") or plan["soaked"] > seconds(self._world, "soak"):
            return "bluegreen.delete", step
        return "bluegreen.soak", step

    def _delete(self, record: Json) -> Next:
        pool = self._state.pools[record["target"]]
        self._phase(pool, "DELETING_BLUE_POOL")
        former = []
        for group in self._colored(pool, "blue"):
            former.append(group["template"])
            self._groups.remove(pool, group)
        self._groups.retire(pool, former)
        for group in pool["_groups"]:
            group["color"] = ""
        pool.pop("updateInfo", None)
        return None

    def _colored(self, pool: Json, color: str) -> list[Json]:
        return [group for group in pool["_groups"] if group["color"] == color]

    def _phase(self, pool: Json, phase: str) -> None:
        project = names.of_path(pool["_path"]).project
        pool["updateInfo"] = {
            "blueGreenInfo": {
                "phase": phase,
                "blueInstanceGroupUrls": [group_link(project, each) for each in self._colored(pool, "blue")],
                "greenInstanceGroupUrls": [group_link(project, each) for each in self._colored(pool, "green")],
                "greenPoolVersion": pool["version"],
            }
        }
