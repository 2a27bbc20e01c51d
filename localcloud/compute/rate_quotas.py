"""Rate quotas: how many requests of a kind a project may make in a minute, in all or in a region.

`compute.rateQuotas`: {metric: requests a minute}, with the metrics' names as in
https://cloud.google.com/compute/docs/api-rate-limits without `compute.googleapis.com/`: `default`, `read_requests`,
`list_requests`, `operation_read_requests`, `heavy_weight_read_requests`, `global_resource_write_requests`, and each
with `_per_region`. What is not named has no limit. All are full again when a new minute begins, as that page says.
"""

from __future__ import annotations

from localcloud.compute.references import region_of
from localcloud.compute.resources import Resources
from localcloud.dispatch import Call
from localcloud.errors import GoogleError

# Metric -> its words in the refusal, and the name of its limit; a region's have "per region" and "PerRegion".
METRICS = {
    "default": ("Queries", "defaultPerMinutePerProject"),
    "read_requests": ("Read requests", "ReadRequestsPerMinutePerProject"),
    "list_requests": ("List requests", "ListRequestsPerMinutePerProject"),
    "operation_read_requests": ("Operation read requests", "OperationReadRequestsPerMinutePerProject"),
    "heavy_weight_read_requests": ("Heavy-weight read requests", "HeavyWeightReadRequestsPerMinutePerProject"),
    "global_resource_write_requests": (
        "Global resource mutation requests",
        "GlobalResourceWriteRequestsPerMinutePerProject",
    ),
}
NAMES = tuple(METRICS) + tuple(f"{name}_per_region" for name in METRICS)

_OPERATIONS = ("global_operations", "region_operations", "zone_operations")


class RateQuotas:
    """What is left of the minute."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._world = resources.world
        self._minute = -1
        self._used: dict[tuple[str, str, str], int] = {}

    def charge(self, call: Call) -> None:
        """Count a call; 403 rateLimitExceeded, in the words of Google's front end, where it is one too many."""
        limits = self._world.table("compute.rateQuotas")
        if not limits:
            return
        minute = int(self._world.simulation.now() * self._world.simulation.speed // 60)
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        project, region = str(call.params.get("project", "")), _region(call)
        metric = f"{metric_of(call)}{'_per_region' if region else ''}"
        used = self._used.get((project, region, metric), 0)
        if metric in limits and used >= int(limits[metric]):
            raise self._refusal(project, region, metric, int(limits[metric]))
        self._used[project, region, metric] = used + 1

    def _refusal(self, project: str, region: str, metric: str, limit: int) -> GoogleError:
        words, name = METRICS[metric.removesuffix("_per_region")]
        numbers = {known: number for number, known in self._resources.numbers().items()}
        number = numbers.get(project, project)
        where = " per region" if region else ""
        text = (
            f"Quota exceeded for quota metric '{words}{where}' and limit '{words} per minute{where}' of service "
            f"'compute.googleapis.com' for consumer 'project_number:{number}'."
        )
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": {
                "service": "compute.googleapis.com",
                "consumer": f"projects/{number}",
                "quota_metric": f"compute.googleapis.com/{metric}",
                "quota_limit": f"{name}PerRegion" if region else name,
                "quota_limit_value": str(limit),
                "quota_location": region or "global",
            },
        }
        return GoogleError("PERMISSION_DENIED", text, reason="rateLimitExceeded", domain="usageLimits", details=[info])


def metric_of(call: Call) -> str:
    """The quota that a call is charged to, without its `_per_region`."""
    service, name = call.method.service.rpartition(".")[2], call.method.name
    if name == "AggregatedList" or (service in _OPERATIONS and name == "Wait"):
        return "heavy_weight_read_requests"
    if service in _OPERATIONS and name == "Get":
        return "operation_read_requests"
    if name == "List":
        return "list_requests"
    if name.startswith("Get"):
        return "read_requests"
    if service == "images" and name in ("Insert", "Delete", "Deprecate", "SetLabels"):
        return "global_resource_write_requests"
    return "default"


def _region(call: Call) -> str:
    """The region of a zonal or regional call; nothing for a global one."""
    if zone := call.params.get("zone"):
        return region_of(str(zone))
    return str(call.params.get("region", ""))
