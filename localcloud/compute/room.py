"""Whether a zone has what a VM needs: stock (`compute.stock`) and quota (`compute.quotas`).

`compute.stock`: {zone: {accelerator or machine type: how many the zone has in all}}; what is not named is plenty.
`compute.quotas`: {region: {metric, such as NVIDIA_L4_GPUS or CPUS: limit}}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from localcloud.compute.catalog import ACCELERATORS, machine
from localcloud.compute.places import ZONES
from localcloud.compute.references import last
from localcloud.compute.resources import Resource, Resources
from localcloud.errors import GoogleError

# What a region prints where nothing is set; only what is set is enforced.
DEFAULT_QUOTAS: dict[str, Any] = {"CPUS": 2400, "INSTANCES": 24000, "NVIDIA_L4_GPUS": 64, "NVIDIA_H100_GPUS": 64}


def demand(instance: Resource) -> dict[str, int]:
    """What an instance takes: its machine type once, its accelerators by number."""
    needs = {last(instance["machineType"]): 1}
    for each in instance.get("guestAccelerators", []):
        kind = last(each["acceleratorType"])
        needs[kind] = needs.get(kind, 0) + int(each.get("acceleratorCount", 0))
    return needs


def quota_demand(instance: Resource) -> dict[str, int]:
    """What an instance takes of the region's quotas."""
    type_ = machine(last(instance["machineType"]))
    needs = {"CPUS": type_.cpus if type_ else 0, "INSTANCES": 1}
    preemptible = "PREEMPTIBLE_" if instance.get("scheduling", {}).get("preemptible") else ""
    for each in instance.get("guestAccelerators", []):
        known = ACCELERATORS.get(last(each["acceleratorType"]))
        if known:
            metric = preemptible + known.quota
            needs[metric] = needs.get(metric, 0) + int(each.get("acceleratorCount", 0))
    return needs


def _nothing(zone: str) -> Iterable[tuple[Resource, int]]:
    return ()


class Room:
    """What is left."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        # What reservations keep free in a zone, set by whoever knows: a VM of each kind, and for how many.
        self.kept: Callable[[str], Iterable[tuple[Resource, int]]] = _nothing

    def check(self, zone: str, instance: Resource, *, count: int = 1, reserved: bool = False) -> None:
        """Nothing, or the error that `count` instances like this meet in the zone now; `reserved`: a reservation has
        their place.

        Errors: `quotaExceeded` (QUOTA_EXCEEDED), `stockout` (ZONE_RESOURCE_POOL_EXHAUSTED).
        """
        project = instance["selfLink"].partition("/projects/")[2].partition("/")[0]
        self._check_quota(project, zone, instance, count)
        if not reserved:
            self._check_stock(project, zone, instance, count)

    def quotas(self, project: str, region: str) -> list[Resource]:
        """A region's quotas as Region prints them."""
        limits: dict[str, Any] = self._resources.table("quotas").get(region, {})
        return [
            {"metric": metric, "limit": float(limit), "usage": float(self._used(project, region, metric))}
            for metric, limit in sorted((DEFAULT_QUOTAS | limits).items())
        ]

    def _check_quota(self, project: str, zone: str, instance: Resource, count: int) -> None:
        region = ZONES[zone]
        limits: dict[str, Any] = self._resources.table("quotas").get(region, {})
        for metric, need in quota_demand(instance).items():
            if metric in limits and self._used(project, region, metric) + need * count > float(limits[metric]):
                text = f"Quota '{metric}' exceeded.  Limit: {float(limits[metric])} in region {region}."
                raise GoogleError("PERMISSION_DENIED", text, reason="quotaExceeded", domain="usageLimits")

    def _used(self, project: str, region: str, metric: str) -> int:
        return sum(
            quota_demand(each).get(metric, 0)
            for path, each in self._resources.table("instances").items()
            if path.startswith(f"projects/{project}/zones/{region}-") and each["status"] != "TERMINATED"
        )

    def _check_stock(self, project: str, zone: str, instance: Resource, count: int) -> None:
        stock: dict[str, Any] = self._resources.table("stock").get(zone, {})
        for kind, need in demand(instance).items():
            if kind not in stock:
                continue
            taken = sum(
                demand(each).get(kind, 0)
                for path, each in self._resources.table("instances").items()
                if f"/zones/{zone}/" in path and each["status"] != "TERMINATED"
            )
            taken += sum(demand(one).get(kind, 0) * left for one, left in self.kept(zone))
            if taken + need * count > int(stock[kind]):
                text = (
                    f"The zone 'projects/{project}/zones/{zone}' does not have enough resources available to fulfill "
                    "the request.  Try a different zone, or try again later."
                )
                raise GoogleError("UNAVAILABLE", text, reason="stockout")
