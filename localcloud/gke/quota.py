"""Whether a region's quota allows the first nodes of a pool; GKE asks before it begins."""

from __future__ import annotations

from typing import Any

from localcloud.compute.catalog import ACCELERATORS, machine
from localcloud.errors import GoogleError
from localcloud.gke.refusals import refusal
from localcloud.world import World

Json = dict[str, Any]


def check(world: World, pool: Json) -> None:
    """403 "Insufficient regional quota" where `compute.quotas` is too small; what it does not name is plenty."""
    zones = pool["locations"]
    region = zones[0].rpartition("-")[0]
    limits = world.table("compute.quotas").get(region, {})
    for metric, each in _needs(pool["config"]).items():
        if metric not in limits:
            continue
        need = float(each * int(pool["initialNodeCount"]) * len(zones))
        limit, used = float(limits[metric]), float(_used(world, region, metric))
        if need > limit - used:
            raise _short(metric, need=need, limit=limit, free=max(0.0, limit - used))


def _needs(config: Json) -> dict[str, int]:
    """What one node takes."""
    type_ = machine(config["machineType"])
    needs = {"CPUS": type_.cpus if type_ else 0, "INSTANCES": 1}
    preemptible = "PREEMPTIBLE_" if config.get("spot") or config.get("preemptible") else ""
    for each in config.get("accelerators") or []:
        metric = preemptible + ACCELERATORS[each["acceleratorType"]].quota
        needs[metric] = needs.get(metric, 0) + int(each.get("acceleratorCount", 0))
    return needs


def _used(world: World, region: str, metric: str) -> int:
    """What the region's VMs take of a metric."""
    used = 0
    for path, instance in world.table("compute.instances").items():
        if f"/zones/{region}-" not in path or instance["status"] == "TERMINATED":
            continue
        config: Json = {"machineType": instance["machineType"].rpartition("/")[2]}
        config["preemptible"] = instance.get("scheduling", {}).get("preemptible")
        config["accelerators"] = [
            each | {"acceleratorType": each["acceleratorType"].rpartition("/")[2]}
            for each in instance.get("guestAccelerators", [])
        ]
        used += _needs(config).get(metric, 0)
    return used


def _short(metric: str, *, need: float, limit: float, free: float) -> GoogleError:
    text = (
        f"Insufficient regional quota to satisfy request for resource: \"{metric}\". The request requires '{need}' and "
        f"is short '{need - free}'. The regional quota is '{limit}' with '{free}' available."
    )
    return refusal("PERMISSION_DENIED", text)
