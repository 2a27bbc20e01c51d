"""Changes to a node pool: what is done in place, and what needs new nodes.

Labels, taints, tags, resource labels and settings are changed in place; everything that a VM is made with (image type,
machine type, disk, kubelet's and Linux' configuration, ...) is an upgrade to new nodes
(https://cloud.google.com/kubernetes-engine/docs/concepts/managing-clusters#manual_changes_that_respect). Either way
new templates are issued and the groups pointed at them.
"""

from __future__ import annotations

from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.gke import names, refusals, versions
from localcloud.gke.facts import taint_text
from localcloud.gke.groups import Groups
from localcloud.gke.kubelets import Kubelets
from localcloud.gke.operations import Operations
from localcloud.gke.pool_defaults import check_place, check_skew, check_zones, image_type
from localcloud.gke.state import State
from localcloud.gke.timings import seconds
from localcloud.gke.upgrades import Upgrades

Json = dict[str, Any]

# Field of UpdateNodePoolRequest -> field of NodeConfig.
_NEW_NODES = (
    "workloadMetadataConfig", "linuxNodeConfig", "kubeletConfig", "gcfsConfig", "confidentialNodes", "gvnic",
    "fastSocket", "loggingConfig", "windowsNodeConfig", "accelerators", "machineType", "diskType", "diskSizeGb",
    "containerdConfig", "storagePools", "maxRunDuration", "flexStart", "imageType",
)  # fmt: skip
_SETTINGS = ("upgradeSettings", "queuedProvisioning", "locations", "maintenancePolicy", "nodeDrainConfig")


class PoolUpdates:
    """UpdateNodePool."""

    def __init__(
        self, state: State, operations: Operations, groups: Groups, kubelets: Kubelets, upgrades: Upgrades
    ) -> None:
        self._state = state
        self._world = state.world
        self._operations = operations
        self._groups = groups
        self._kubelets = kubelets
        self._upgrades = upgrades
        operations.step("pool.update", self._in_place)

    def update(self, call: Call) -> Answer:
        """UpdateNodePool: one kind of change a call, as Google demands."""
        params = call.params
        target = names.target_of(params, self._world)
        pool, cluster = self._state.pool(target), self._state.cluster(target)
        self._operations.check_free(target.pool_path)
        if params.get("etag") and params["etag"] != self._state.shown_pool(pool)["etag"]:
            raise refusals.refusal("ABORTED", "The etag does not match the current one of the node pool.")
        config = {name: params[name] for name in _NEW_NODES if params.get(name) not in (None, "", [], {}, "0", 0)}
        if "imageType" in config:
            config["imageType"] = image_type(str(config["imageType"]))
        version = str(params.get("nodeVersion", ""))
        if version or config:
            wanted = versions.resolve(version, default=pool["version"]) if version else pool["version"]
            wanted = cluster["currentMasterVersion"] if version == "-" else wanted
            check_skew(wanted, cluster)
            check_place(pool["config"] | config, pool["locations"])
            return self._upgrades.start(call, target.pool_path, version=wanted, config=config)
        check_zones(list(params.get("locations") or []), cluster)
        for name in _SETTINGS:
            if params.get(name):
                pool[name] = _merged(pool.get(name), params[name])
        pool["status"] = "RECONCILING"
        after = seconds(self._world, "updateNodePool")
        plan: Json = {name: params[name] for name in ("labels", "taints", "tags", "resourceLabels") if name in params}
        return self._operations.start(
            "UPDATE_CLUSTER", target.pool_path, call, stage="pool.update", after=after, plan=plan
        )

    def _in_place(self, record: Json) -> None:
        """Labels, taints and tags: new templates, and the nodes that are there changed."""
        pool, plan = self._state.pools[record["target"]], record["plan"]
        config = pool["config"]
        labels = taints = None
        if "labels" in plan:
            fresh = dict(plan["labels"].get("labels") or {})
            labels = {**dict.fromkeys(config.get("labels") or {}), **fresh}
            config["labels"] = fresh
        if "taints" in plan:
            config["taints"] = list(plan["taints"].get("taints") or [])
            taints = [_node_taint(taint_text(each)) for each in config["taints"]]
        if "tags" in plan:
            config["tags"] = list(plan["tags"].get("tags") or [])
        if "resourceLabels" in plan:
            config["resourceLabels"] = dict(plan["resourceLabels"].get("labels") or {})
        if plan:
            former = self._groups.renew(pool)
            self._groups.retire(pool, former)
        self._spread(pool)
        if taints is not None and any(
            "nvidia.com/gpu" in each for each in self._groups.facts(pool, pool["locations"][0]).taints
        ):
            taints.append({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"})
        if labels is not None or taints is not None:
            self._kubelets.relabel(pool, labels=labels, taints=taints)

    def _spread(self, pool: Json) -> None:
        """Groups where the pool's zones are, and nowhere else."""
        for group in list(pool["_groups"]):
            if group["zone"] not in pool["locations"]:
                self._groups.remove(pool, group)
        have = {group["zone"] for group in pool["_groups"]}
        for zone in pool["locations"]:
            if zone not in have:
                self._groups.make(pool, zone, int(pool["initialNodeCount"]))


def _merged(old: Any, new: Any) -> Any:
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new


def _node_taint(text: str) -> Json:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}
