"""Cloud Monitoring's alert policies, and what it knows of Pub/Sub's subscriptions
(https://cloud.google.com/monitoring/api/ref_v3/rest, https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub)."""

from __future__ import annotations

from datetime import UTC, datetime

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.adapters.monitoring import HOST
from poolwright.services.ports import Json


class MonitoringDeployed:
    """The `Alerts` port."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        self._rest = Rest(access, HOST, dates)

    def policies(self, project: str) -> list[Json]:
        return self._rest.pages(f"v3/projects/{project}/alertPolicies", "alertPolicies")

    def of_subscriptions(self, project: str, metric: str, *, since: float, until: float) -> dict[str, float]:
        params = {
            "filter": f'metric.type = "pubsub.googleapis.com/subscription/{metric}"'
            ' AND resource.type = "pubsub_subscription"',
            "interval.startTime": datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z"),
            "interval.endTime": datetime.fromtimestamp(until, UTC).isoformat().replace("+00:00", "Z"),
        }
        found = {}
        for series in self._rest.pages(f"v3/projects/{project}/timeSeries", "timeSeries", params):
            value = series["points"][0]["value"]  # newest first
            number = float(value.get("int64Value", value.get("doubleValue", 0)))
            found[series["resource"]["labels"]["subscription_id"]] = number
        return found
