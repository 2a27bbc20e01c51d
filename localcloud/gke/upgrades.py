"""Upgrades of node pools: new templates first, then new nodes for the old, surge by surge or blue-green.

https://cloud.google.com/kubernetes-engine/docs/concepts/node-pool-upgrade-strategies. The plan of an operation holds
`from`, `to`, `old` ([zone, group, instance] that are still to go), `fresh` (group -> how many new nodes it is to have).
"""

from __future__ import annotations

import copy
from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.gke import names, notifications, refusals
from localcloud.gke.groups import Groups
from localcloud.gke.kubelets import Kubelets
from localcloud.gke.operations import Operations
from localcloud.gke.state import State
from localcloud.gke.timings import seconds

Json = dict[str, Any]
Next = tuple[str, float] | None

KIND = "UPGRADE_NODES"


class Upgrades:
    """Starts them, and carries out the surge kind; `BlueGreen` takes the stage `bluegreen.create`."""

    def __init__(self, state: State, operations: Operations, groups: Groups, kubelets: Kubelets) -> None:
        self._state = state
        self._world = state.world
        self._operations = operations
        self._groups = groups
        self._kubelets = kubelets
        operations.step("upgrade.begin", self._begin)
        operations.step("upgrade.batch", self._batch)
        operations.step("upgrade.wait", self._wait)
        operations.step("upgrade.drain", self._drain)
        operations.step("upgrade.remove", self._remove)
        operations.ending(KIND, self._ended)

    def start(self, call: Call | None, pool_path: str, *, version: str, config: Json) -> Json:
        """An upgrade to a version, or to another configuration; `call` None: GKE's own doing."""
        pool = self._state.pools[pool_path]
        settings = pool.get("upgradeSettings") or {}
        plan: Json = {
            "from": pool["version"],
            "to": version,
            "config": config,
            "surge": int(settings.get("maxSurge", 0)),
            "unavailable": int(settings.get("maxUnavailable", 0)),
        }
        pool["status"] = "RECONCILING"
        pool["_before"] = {"version": pool["version"], "config": copy.deepcopy(pool["config"])}
        blue_green = settings.get("strategy") == "BLUE_GREEN"
        stage = "bluegreen.create" if blue_green else "upgrade.begin"
        operation = self._operations.start(
            KIND, pool_path, call, stage=stage, after=seconds(self._world, "groups"), plan=plan
        )
        if plan["from"] != version:
            record = self._operations.running_on(pool_path)[-1]
            notifications.upgrade_started(self._world, self._state.cluster_of(pool), record)
        return operation

    def roll_back(self, call: Call) -> Answer:
        """RollbackNodePoolUpgrade: back to what an upgrade that failed or was cancelled had left."""
        target = names.target_of(call.params, self._world)
        pool = self._state.pool(target)
        self._operations.check_free(target.pool_path)
        before = pool.get("_before")
        if before is None:
            text = f"Node pool {pool['name']} has no aborted or failed upgrade to roll back."
            raise refusals.precondition(text)
        return self.start(call, target.pool_path, version=before["version"], config=before["config"])

    def complete(self, call: Call) -> Answer:
        """CompleteNodePoolUpgrade: no further soaking."""
        target = names.target_of(call.params, self._world)
        self._state.pool(target)
        running = [
            each for each in self._operations.running_on(target.pool_path) if each["stage"].startswith("bluegreen.")
        ]
        if not running:
            raise refusals.precondition(f"Node pool {target.pool} has no blue-green upgrade in progress.")
        running[0]["plan"]["complete"] = True
        return {}

    def change(self, pool: Json, plan: Json) -> None:
        """The pool as it is to be."""
        pool["version"] = plan["to"]
        pool["config"] = {**pool["config"], **plan["config"]}

    # Surge by surge

    def _begin(self, record: Json) -> Next:
        pool, plan = self._state.pools[record["target"]], record["plan"]
        plan["old"] = [
            [group["zone"], group["name"], each["name"]]
            for group in pool["_groups"]
            for each in self._groups.instances(group)
        ]
        plan["fresh"], plan["gone"] = {}, []
        self.change(pool, plan)
        plan["former"] = self._groups.renew(pool)
        return "upgrade.batch", seconds(self._world, "poll")

    def _batch(self, record: Json) -> Next:
        plan = record["plan"]
        if not plan["old"]:
            if self._still_going(record):
                return "upgrade.batch", seconds(self._world, "poll")
            self._groups.retire(self._state.pools[record["target"]], plan["former"])
            return None
        size = max(1, plan["surge"] + plan["unavailable"])
        plan["batch"], plan["old"] = plan["old"][:size], plan["old"][size:]
        plan["deadline"] = (
            self._world.simulation.now() + seconds(self._world, "patience") / self._world.simulation.speed
        )
        if not plan["surge"]:
            return "upgrade.drain", 0.0
        self._grow(record, plan["batch"][: plan["surge"]])
        return "upgrade.wait", seconds(self._world, "poll")

    def _still_going(self, record: Json) -> bool:
        """Whether a removed node's VM is there still."""
        gone = set(record["plan"]["gone"])
        groups = self._state.pools[record["target"]]["_groups"]
        return any(each["name"] in gone for group in groups for each in self._groups.instances(group))

    def _grow(self, record: Json, places: list[list[str]]) -> None:
        fresh = record["plan"]["fresh"]
        for _, name, _ in places:
            group = self._group(record, name)
            if group is not None:
                fresh[name] = fresh.get(name, 0) + 1
                self._groups.resize(group, self._groups.size(group) + 1)

    def _wait(self, record: Json) -> Next:
        """Until the new nodes are Ready."""
        if not self._fresh_ready(record):
            if self._world.simulation.now() > record["plan"]["deadline"]:
                trouble = self._groups.trouble(self._state.pools[record["target"]])
                why = f": {trouble}" if trouble else "."
                raise GoogleError("DEADLINE_EXCEEDED", f"Timed out waiting for the surge nodes to become ready{why}")
            return "upgrade.wait", seconds(self._world, "poll")
        after = "upgrade.drain" if record["plan"]["surge"] else "upgrade.batch"
        return after, 0.0

    def _fresh_ready(self, record: Json) -> bool:
        plan, cluster_path = record["plan"], names.of_path(record["target"]).cluster_path
        going = {each[2] for each in (*plan["old"], *plan["batch"])}
        for name, wanted in plan["fresh"].items():
            group = self._group(record, name)
            if group is None:
                continue
            new = [each["name"] for each in self._groups.instances(group) if each["name"] not in going]
            if sum(self._kubelets.node_ready(cluster_path, each) for each in new) < wanted:
                return False
        return True

    def _drain(self, record: Json) -> Next:
        cluster_path = names.of_path(record["target"]).cluster_path
        for _, _, instance in record["plan"]["batch"]:
            self._kubelets.drain(cluster_path, instance)
        return "upgrade.remove", seconds(self._world, "drain")

    def _remove(self, record: Json) -> Next:
        plan = record["plan"]
        for _, name, instance in plan["batch"]:
            group = self._group(record, name)
            if group is not None:
                self._groups.delete_member(group, instance)
                plan["gone"].append(instance)
        short = len(plan["batch"]) - plan["surge"]
        again = plan["batch"][-short:] if short > 0 else []
        plan["batch"] = []
        if again:
            self._grow(record, again)
        return ("upgrade.wait" if again and not plan["surge"] else "upgrade.batch"), seconds(self._world, "poll")

    def _group(self, record: Json, name: str) -> Json | None:
        groups = self._state.pools[record["target"]]["_groups"]
        return next((each for each in groups if each["name"] == name), None)

    def _ended(self, record: Json) -> None:
        pool, operation = self._state.pools.get(record["target"]), record["operation"]
        if pool is None:
            return
        error = operation.get("error")
        pool["status"] = "RUNNING"
        if error is None:
            pool.pop("_before", None)
            pool.pop("statusMessage", None)
        elif error["code"] != 1:
            pool["status"], pool["statusMessage"] = "RUNNING_WITH_ERROR", error["message"]
        if record["plan"]["from"] != record["plan"]["to"]:
            notifications.upgrade_ended(self._world, self._state.cluster_of(pool), record)
