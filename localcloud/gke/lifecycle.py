"""What operations do as time goes by: clusters and pools come up, change size and go."""

from __future__ import annotations

from typing import Any

from localcloud.errors import GoogleError
from localcloud.gke import names
from localcloud.gke.control_planes import ControlPlanes
from localcloud.gke.groups import Groups
from localcloud.gke.kubelets import Kubelets
from localcloud.gke.operations import Operations
from localcloud.gke.state import State
from localcloud.gke.timings import seconds

Json = dict[str, Any]
Next = tuple[str, float] | None


class Lifecycle:
    """The steps behind creation, deletion and resizing. Each is a stage of `Operations`."""

    def __init__(
        self, state: State, operations: Operations, groups: Groups, planes: ControlPlanes, kubelets: Kubelets
    ) -> None:
        self._state = state
        self._world = state.world
        self._groups = groups
        self._planes = planes
        self._kubelets = kubelets
        operations.step("cluster.create.plane", self._open_plane)
        operations.step("cluster.create.groups", self._make_cluster_groups)
        operations.step("cluster.create.wait", self._await_cluster)
        operations.step("cluster.delete.groups", self._remove_cluster_groups)
        operations.step("cluster.delete.plane", self._remove_cluster)
        operations.step("pool.create.groups", self._make_pool_groups)
        operations.step("pool.wait", self._await_pool)
        operations.step("pool.delete.groups", self._remove_pool_groups)
        operations.step("pool.delete.rest", self._remove_pool)
        operations.step("pool.done", self._pool_done)
        operations.step("cluster.done", self._cluster_done)
        for kind in ("CREATE_CLUSTER", "CREATE_NODE_POOL", "SET_NODE_POOL_SIZE", "UPDATE_CLUSTER"):
            operations.ending(kind, self.settle)

    def settle(self, record: Json) -> None:
        """What an operation leaves behind: RUNNING, or ERROR with the reason."""
        target = names.of_path(record["target"])
        error = record["operation"].get("error")
        creating = record["operation"]["operationType"].startswith("CREATE_")
        rows = [self._state.pools.get(target.pool_path)] if target.pool else self._of_cluster(target.cluster_path)
        for row in rows:
            if row is None:
                continue
            if error is None:
                row["status"] = "RUNNING"
                row.pop("statusMessage", None)
            else:
                row["status"] = "ERROR" if creating else "RUNNING_WITH_ERROR"
                row["statusMessage"] = error["message"]

    def fill(self, pool: Json) -> None:
        """The pool's groups, with its initial nodes."""
        for zone in pool["locations"]:
            self._groups.make(pool, zone, int(pool["initialNodeCount"]))

    def _of_cluster(self, cluster_path: str) -> list[Json | None]:
        return [self._state.clusters.get(cluster_path), *self._state.pools_of(cluster_path)]

    # Clusters

    def _open_plane(self, record: Json) -> Next:
        cluster = self._state.clusters[record["target"]]
        if not cluster["endpoint"]:
            self._planes.open_soon(cluster)
            return "cluster.create.groups", seconds(self._world, "poll")
        return self._make_cluster_groups(record)

    def _make_cluster_groups(self, record: Json) -> Next:
        cluster = self._state.clusters[record["target"]]
        if not cluster["endpoint"]:
            return "cluster.create.groups", seconds(self._world, "poll")
        for pool in self._state.pools_of(record["target"]):
            self.fill(pool)
        self._be_patient(record)
        return "cluster.create.wait", seconds(self._world, "createCluster") / 2

    def _await_cluster(self, record: Json) -> Next:
        for pool in self._state.pools_of(record["target"]):
            if not self._all_there(record, pool):
                return "cluster.create.wait", seconds(self._world, "poll")
        return None

    def _remove_cluster_groups(self, record: Json) -> Next:
        for pool in self._state.pools_of(record["target"]):
            self._drop_groups(pool)
        return "cluster.delete.plane", seconds(self._world, "deleteCluster") / 2

    def _remove_cluster(self, record: Json) -> Next:
        for pool in self._state.pools_of(record["target"]):
            self._forget(pool)
        self._planes.close(record["target"])
        self._state.clusters.pop(record["target"], None)
        self._state.secrets.pop(record["target"], None)
        return None

    def _cluster_done(self, record: Json) -> Next:
        return None

    # Pools

    def _make_pool_groups(self, record: Json) -> Next:
        self.fill(self._state.pools[record["target"]])
        self._be_patient(record)
        return "pool.wait", seconds(self._world, "poll")

    def _await_pool(self, record: Json) -> Next:
        pool = self._state.pools[record["target"]]
        if "deadline" not in record["plan"]:
            self._be_patient(record)
        return None if self._all_there(record, pool) else ("pool.wait", seconds(self._world, "poll"))

    def _remove_pool_groups(self, record: Json) -> Next:
        self._drop_groups(self._state.pools[record["target"]])
        return "pool.delete.rest", seconds(self._world, "deleteNodePool")

    def _remove_pool(self, record: Json) -> Next:
        self._forget(self._state.pools[record["target"]])
        return None

    def _pool_done(self, record: Json) -> Next:
        return None

    def _be_patient(self, record: Json) -> None:
        record["plan"]["deadline"] = self._world.simulation.now() + self._wait(seconds(self._world, "patience"))

    def _wait(self, world_seconds: float) -> float:
        """The world's seconds on the simulation's clock."""
        return world_seconds / self._world.simulation.speed

    def _all_there(self, record: Json, pool: Json) -> bool:
        """Whether as many nodes are Ready as the pool's groups want; an error when GKE's patience is over."""
        wanted = sum(self._groups.size(group) for group in pool["_groups"])
        ready = self._kubelets.ready_nodes(pool)
        if ready >= wanted:
            return True
        if self._world.simulation.now() < record["plan"]["deadline"]:
            return False
        trouble = self._groups.trouble(pool)
        if trouble:
            raise GoogleError("RESOURCE_EXHAUSTED", f"Google Compute Engine: {trouble}")
        names_of = f"{wanted - ready} out of {wanted} nodes"
        raise GoogleError("UNKNOWN", f"All cluster resources were brought up, but: {names_of} are unhealthy.")

    def _drop_groups(self, pool: Json) -> None:
        former = [group["template"] for group in pool["_groups"]]
        for group in list(pool["_groups"]):
            self._groups.remove(pool, group)
        self._groups.retire(pool, former)
        pool["_former"] = former

    def _forget(self, pool: Json) -> None:
        self._groups.retire(pool, pool.get("_former", []))
        self._state.pools.pop(pool["_path"], None)
        self._state.secrets.pop(pool["_path"], None)
