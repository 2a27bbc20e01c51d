"""An incident as the message that Pub/Sub channels get, version 1.2: numbers are strings, and may be empty.

https://cloud.google.com/monitoring/support/notification-options#schema-pubsub
"""

from __future__ import annotations

from typing import Any

from localcloud.monitoring.descriptors import RESOURCES, metric_descriptors
from localcloud.monitoring.series import Series
from localcloud.projects import project_numbers
from localcloud.world import World

VERSION = "1.2"
_SEVERITIES = {"CRITICAL": "Critical", "ERROR": "Error", "WARNING": "Warning"}
Json = dict[str, Any]


def message(
    world: World,
    *,
    policy: Json,
    condition: Json,
    series: Series,
    value: float | None,
    incident_id: str,
    started_at: int,
    ended_at: int | None,
) -> Json:
    """The body of the message; `ended_at` None while the incident is open."""
    project = policy["name"].split("/")[1]
    threshold = condition["conditionThreshold"]
    state = "open" if ended_at is None else "closed"
    resource = _common(series, "resource")
    kind = series["metric"]["type"]
    metric_name = metric_descriptors(world, project).get(kind, {}).get("displayName", kind)
    display_name = _display_name(resource)
    observed, limit = _number(value), _number(float(threshold.get("thresholdValue", 0.0)))
    where = " ".join(dict.fromkeys(each for each in (project, display_name) if each))
    incident = {
        "incident_id": incident_id,
        "scoping_project_id": project,
        "scoping_project_number": int(project_numbers(world)[project]),
        "url": f"https://console.cloud.google.com/monitoring/alerting/alerts/{incident_id}"
        f"?channelType=pubsub&project={project}",
        "started_at": started_at,
        "ended_at": ended_at,
        "state": state,
        "resource_id": "",
        "resource_name": where,
        "resource_display_name": display_name,
        "resource_type_display_name": RESOURCES.get(resource["type"], (resource["type"], ()))[0],
        "resource": resource,
        "metric": {"type": kind, "displayName": metric_name, "labels": _common(series, "metric").get("labels", {})},
        "metadata": {"system_labels": {}, "user_labels": {}},
        "policy_name": policy["displayName"],
        "policy_user_labels": policy.get("userLabels", {}),
        "documentation": _documentation(policy),
        "condition": condition,
        "condition_name": condition["displayName"],
        "threshold_value": limit,
        "observed_value": observed,
        "severity": _SEVERITIES.get(policy.get("severity", ""), "No severity"),
        "summary": f"{metric_name} for {where} is {state} at {observed} (threshold {limit}).",
    }
    return {"version": VERSION, "incident": incident}


def _common(series: Series, owner: str) -> Json:
    """The metric or resource, with the labels that all series behind an aggregated one share."""
    members = [each[owner] for each in series.get("members", [series])]
    first = members[0]
    labels = {
        name: value
        for name, value in first.get("labels", {}).items()
        if all(each.get("labels", {}).get(name) == value for each in members)
    }
    return {"type": first["type"], "labels": labels}


def _display_name(resource: Json) -> str:
    """The narrowest name that is left."""
    for name in ("container_name", "pod_name", "node_name", "instance_id", "cluster_name"):
        if name in resource["labels"]:
            return str(resource["labels"][name])
    return ""


def _documentation(policy: Json) -> Json:
    given = policy.get("documentation", {})
    return {
        "content": given.get("content", ""),
        "mime_type": given.get("mimeType", "text/markdown"),
        "subject": given.get("subject") or f"[ALERT] {policy['displayName']}",
    }


def _number(value: float | None) -> str:
    """A number as Monitoring prints it: no more than three decimals, none that say nothing."""
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
