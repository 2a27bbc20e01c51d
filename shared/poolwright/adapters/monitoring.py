"""Cloud Monitoring, through google-cloud-monitoring (https://cloud.google.com/monitoring/api/ref_v3/rest)."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from statistics import fmean
from typing import Any

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, translated
from poolwright.references import ClusterRef

HOST = "monitoring.googleapis.com"
_PAGE = 1000


class CloudMonitoring:
    """The `Monitoring` port."""

    def __init__(self, access: GoogleAccess) -> None:
        self._access = access

    @cached_property
    def _client(self) -> Any:
        from google.cloud.monitoring_v3.services.metric_service import MetricServiceClient

        return self._access.grpc(MetricServiceClient, HOST)

    @translated()
    def duty_cycle(self, cluster: ClusterRef, *, metric: str, since: float, until: float) -> dict[str, float]:
        request = {
            "name": f"projects/{cluster.project}",
            "filter": f'metric.type = "{metric}" AND resource.labels.cluster_name = "{cluster.name}"'
            f' AND resource.labels.location = "{cluster.location}"',
            "interval": {"start_time": _timestamp(since), "end_time": _timestamp(until)},
            "view": "FULL",
            "page_size": _PAGE,
        }
        newest: dict[str, list[float]] = defaultdict(list)
        for series in self._client.list_time_series(request=request, retry=READ_RETRY, timeout=TIMEOUT):
            node = series.resource.labels.get("node_name", "")
            if node and series.points:  # newest first
                newest[node].append(_number(series.points[0].value))
        return {node: fmean(values) for node, values in newest.items()}


def _timestamp(seconds: float) -> dict[str, int]:
    whole, rest = divmod(seconds, 1)
    return {"seconds": int(whole), "nanos": int(rest * 1e9)}


def _number(value: Any) -> float:
    return float(value.int64_value if "int64_value" in value else value.double_value)
