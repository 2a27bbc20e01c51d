"""Node pools: the methods of projects.locations.clusters.nodePools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.dispatch import Answer, Call, Handler
from localcloud.gke import names, pool_defaults, quota, refusals
from localcloud.gke.groups import Groups
from localcloud.gke.operations import Operations
from localcloud.gke.pool_updates import PoolUpdates
from localcloud.gke.state import State
from localcloud.gke.timings import seconds
from localcloud.gke.upgrades import Upgrades

Json = dict[str, Any]


class NodePools:
    """What clients do with node pools."""

    def __init__(
        self, state: State, operations: Operations, groups: Groups, updates: PoolUpdates, upgrades: Upgrades
    ) -> None:
        self._state = state
        self._world = state.world
        self._operations = operations
        self._groups = groups
        self._updates = updates
        self._upgrades = upgrades

    def handlers(self) -> Mapping[str, Handler]:
        """By Google's names."""
        return {
            "CreateNodePool": self.create,
            "GetNodePool": self.get,
            "ListNodePools": self.list,
            "UpdateNodePool": self._updates.update,
            "DeleteNodePool": self.delete,
            "SetNodePoolSize": self.set_size,
            "SetNodePoolAutoscaling": self.set_autoscaling,
            "SetNodePoolManagement": self.set_management,
            "RollbackNodePoolUpgrade": self._upgrades.roll_back,
            "CompleteNodePoolUpgrade": self._upgrades.complete,
        }

    def create(self, call: Call) -> Answer:
        """CreateNodePool: an operation; the pool is there at once, PROVISIONING."""
        target = names.target_of(call.params, self._world)
        cluster = self._state.cluster(target)
        if (cluster.get("autopilot") or {}).get("enabled"):
            raise refusals.invalid("Autopilot clusters do not support mutating node pools.")
        pool = pool_defaults.new_pool(call.params.get("nodePool") or {}, target=target, cluster=cluster)
        if pool["_path"] in self._state.pools:
            raise refusals.already_exists(names.shown(pool["_path"]))
        self._operations.check_free(pool["_path"])
        quota.check(self._world, pool)
        self._state.pools[pool["_path"]] = pool
        after = seconds(self._world, "groups")
        return self._operations.start("CREATE_NODE_POOL", pool["_path"], call, stage="pool.create.groups", after=after)

    def get(self, call: Call) -> Answer:
        """GetNodePool."""
        return self._state.shown_pool(self._state.pool(names.target_of(call.params, self._world)))

    def list(self, call: Call) -> Answer:
        """ListNodePools."""
        target = names.target_of(call.params, self._world)
        self._state.cluster(target)
        return {"nodePools": [self._state.shown_pool(each) for each in self._state.pools_of(target.cluster_path)]}

    def delete(self, call: Call) -> Answer:
        """DeleteNodePool."""
        target = names.target_of(call.params, self._world)
        pool = self._state.pool(target)
        self._operations.check_free(target.pool_path)
        pool["status"] = "STOPPING"
        after = seconds(self._world, "groups")
        return self._operations.start(
            "DELETE_NODE_POOL", target.pool_path, call, stage="pool.delete.groups", after=after
        )

    def set_size(self, call: Call) -> Answer:
        """SetNodePoolSize: `nodeCount` nodes in each zone."""
        target = names.target_of(call.params, self._world)
        pool = self._state.pool(target)
        self._operations.check_free(target.pool_path)
        count = int(call.params.get("nodeCount", 0))
        for group in pool["_groups"]:
            self._groups.resize(group, count)
        pool["status"] = "RECONCILING"
        after = seconds(self._world, "poll")
        return self._operations.start("SET_NODE_POOL_SIZE", target.pool_path, call, stage="pool.wait", after=after)

    def set_autoscaling(self, call: Call) -> Answer:
        """SetNodePoolAutoscaling."""
        target = names.target_of(call.params, self._world)
        pool = self._state.pool(target)
        self._operations.check_free(target.pool_path)
        pool["autoscaling"] = pool_defaults.autoscaling(call.params.get("autoscaling") or {})
        return self._short("UPDATE_CLUSTER", target.pool_path, call)

    def set_management(self, call: Call) -> Answer:
        """SetNodePoolManagement."""
        target = names.target_of(call.params, self._world)
        pool = self._state.pool(target)
        self._operations.check_free(target.pool_path)
        pool["management"] = dict(call.params.get("management") or {})
        return self._short("SET_NODE_POOL_MANAGEMENT", target.pool_path, call)

    def _short(self, kind: str, path: str, call: Call) -> Answer:
        return self._operations.start(kind, path, call, stage="pool.done", after=seconds(self._world, "updateNodePool"))
