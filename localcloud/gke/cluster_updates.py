"""Changes to clusters: UpdateCluster, UpdateMaster and the older methods that set one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.dispatch import Answer, Call, Handler
from localcloud.gke import names, notifications, pool_defaults, refusals, versions
from localcloud.gke.names import Target
from localcloud.gke.operations import Operations
from localcloud.gke.pool_defaults import check_skew, image_type
from localcloud.gke.state import State
from localcloud.gke.timings import seconds
from localcloud.gke.upgrades import Upgrades

Json = dict[str, Any]

# `desired...` of ClusterUpdate -> the cluster's field, where they are not the same but for the prefix.
_RENAMED = {"clusterAutoscaling": "autoscaling", "l4ilbSubsettingConfig": "networkConfig"}
# Method -> the request's field and the cluster's.
_SETTERS = {
    "SetAddonsConfig": ("addonsConfig", "addonsConfig"),
    "SetLoggingService": ("loggingService", "loggingService"),
    "SetMonitoringService": ("monitoringService", "monitoringService"),
    "SetNetworkPolicy": ("networkPolicy", "networkPolicy"),
    "SetMaintenancePolicy": ("maintenancePolicy", "maintenancePolicy"),
    "SetLocations": ("locations", "locations"),
    "SetLabels": ("resourceLabels", "resourceLabels"),
}


class ClusterUpdates:
    """What clients change of clusters."""

    def __init__(self, state: State, operations: Operations, upgrades: Upgrades) -> None:
        self._state = state
        self._world = state.world
        self._operations = operations
        self._upgrades = upgrades
        operations.step("master.upgrade", self._master)
        operations.ending("UPGRADE_MASTER", self._master_ended)

    def handlers(self) -> Mapping[str, Handler]:
        """By Google's names."""
        setters = dict.fromkeys(_SETTERS, self.set_one)
        return {"UpdateCluster": self.update, "UpdateMaster": self.update_master, **setters}

    def update(self, call: Call) -> Answer:
        """UpdateCluster: one thing a call; a version of nodes upgrades one pool (or the only one)."""
        target = names.target_of(call.params, self._world)
        cluster = self._state.cluster(target)
        wanted = {key: value for key, value in (call.params.get("update") or {}).items() if key != "etag"}
        pool_name = str(wanted.pop("desiredNodePoolId", ""))
        if not wanted:
            raise refusals.invalid("Must specify a field to update.")
        if "desiredMasterVersion" in wanted:
            return self._upgrade_master(call, target, cluster, str(wanted["desiredMasterVersion"]))
        if "desiredNodeVersion" in wanted or "desiredImageType" in wanted:
            return self._upgrade_pool(call, target, cluster, pool_name, wanted)
        if "desiredNodePoolAutoscaling" in wanted:
            pool = self._pool(target, pool_name)
            self._operations.check_free(pool["_path"])
            pool["autoscaling"] = pool_defaults.autoscaling(wanted["desiredNodePoolAutoscaling"])
            return self._short(call, pool["_path"])
        self._operations.check_free(target.cluster_path)
        for key, value in wanted.items():
            name = key.removeprefix("desired")
            name = name[:1].lower() + name[1:]
            cluster[_RENAMED.get(name, name)] = value
        return self._short(call, target.cluster_path)

    def set_one(self, call: Call) -> Answer:
        """SetLabels and its like."""
        target = names.target_of(call.params, self._world)
        cluster = self._state.cluster(target)
        self._operations.check_free(target.cluster_path)
        given, field = _SETTERS[call.method.name]
        cluster[field] = call.params.get(given) or {}
        return self._short(call, target.cluster_path)

    def update_master(self, call: Call) -> Answer:
        """UpdateMaster."""
        target = names.target_of(call.params, self._world)
        return self._upgrade_master(
            call, target, self._state.cluster(target), str(call.params.get("masterVersion", ""))
        )

    def _short(self, call: Call, path: str) -> Answer:
        stage = "pool.done" if "/nodePools/" in path else "cluster.done"
        if stage == "cluster.done":
            self._state.clusters[path]["status"] = "RECONCILING"
        return self._operations.start(
            "UPDATE_CLUSTER", path, call, stage=stage, after=seconds(self._world, "updateCluster")
        )

    def _pool(self, target: Target, name: str) -> Json:
        pools = self._state.pools_of(target.cluster_path)
        if not name and len(pools) == 1:
            return pools[0]
        if not name:
            raise refusals.invalid("The node pool must be specified when a cluster has more than one.")
        return self._state.pool(Target(target.project, target.location, target.cluster, name))

    def _upgrade_pool(self, call: Call, target: Target, cluster: Json, name: str, wanted: Json) -> Answer:
        pool = self._pool(target, name)
        self._operations.check_free(pool["_path"])
        given = str(wanted.get("desiredNodeVersion", "")) or pool["version"]
        version = versions.resolve(given, default=cluster["currentMasterVersion"])
        check_skew(version, cluster)
        config = {"imageType": image_type(str(wanted["desiredImageType"]))} if wanted.get("desiredImageType") else {}
        return self._upgrades.start(call, pool["_path"], version=version, config=config)

    def _upgrade_master(self, call: Call | None, target: Target, cluster: Json, wanted: str) -> Answer:
        self._operations.check_free(target.cluster_path)
        channel = (cluster.get("releaseChannel") or {}).get("channel", "")
        default = versions.CHANNELS.get(channel, versions.DEFAULT)
        version = versions.resolve(wanted, default=default, what="Master version")
        if versions.key(version) < versions.key(cluster["currentMasterVersion"]):
            text = f'Master cannot be downgraded to "{version}" from "{cluster["currentMasterVersion"]}".'
            raise refusals.invalid(text)
        cluster["status"] = "RECONCILING"
        plan = {"from": cluster["currentMasterVersion"], "to": version}
        after = seconds(self._world, "upgradeMaster")
        operation = self._operations.start(
            "UPGRADE_MASTER", target.cluster_path, call, stage="master.upgrade", after=after, plan=plan
        )
        record = self._operations.running_on(target.cluster_path)[-1]
        notifications.upgrade_started(self._world, cluster, record)
        return operation

    def _master(self, record: Json) -> None:
        self._state.clusters[record["target"]]["currentMasterVersion"] = record["plan"]["to"]

    def _master_ended(self, record: Json) -> None:
        cluster = self._state.clusters.get(record["target"])
        if cluster is not None:
            cluster["status"] = "RUNNING"
            notifications.upgrade_ended(self._world, cluster, record)
