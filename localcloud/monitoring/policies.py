"""AlertPolicyService: which conditions open incidents.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies
"""

from __future__ import annotations

from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.monitoring import filters
from localcloud.monitoring.channels import Channels
from localcloud.monitoring.descriptors import metric_descriptors
from localcloud.monitoring.metrics import project_of
from localcloud.monitoring.naming import takes_named
from localcloud.monitoring.paging import page
from localcloud.monitoring.queries import check_aggregation, understand
from localcloud.monitoring.refusals import invalid, missing, no_such
from localcloud.monitoring.times import seconds
from localcloud.monitoring.updates import updated
from localcloud.world import Table, World

KINDS = (
    "conditionThreshold", "conditionAbsent", "conditionMatchedLog", "conditionMonitoringQueryLanguage",
    "conditionPrometheusQueryLanguage", "conditionSql",
)  # fmt: skip
MAX_CONDITIONS = 6
_FIXED = ("name", "creationRecord", "mutationRecord")


class Policies:
    """Policies in the table `monitoring.alertPolicies`, by name."""

    def __init__(self, world: World, channels: Channels) -> None:
        self._world = world
        self._channels = channels

    @property
    def table(self) -> Table:
        """Name -> policy, as `get` answers it."""
        return self._world.table("monitoring.alertPolicies")

    def list_alert_policies(self, call: Call) -> Answer:
        project = project_of(self._world, call.params.get("name", ""), "monitoring.alertPolicies.list")
        start = f"projects/{project}/alertPolicies/"
        found = [each for name, each in sorted(self.table.items()) if name.startswith(start)]
        if text := call.params.get("filter"):
            found = [each for each in found if takes_named(text, each)]
        return {**page(found, call.params, key="alertPolicies"), "totalSize": len(found)}

    def get_alert_policy(self, call: Call) -> Answer:
        return self._get(call.params["name"])

    def create_alert_policy(self, call: Call) -> Answer:
        project = project_of(self._world, call.params.get("name", ""), "monitoring.alertPolicies.create")
        body = {name: each for name, each in call.params.get("alertPolicy", {}).items() if name not in _FIXED}
        self._check(project, body)
        name = f"projects/{project}/alertPolicies/{self._world.unique_id()}"
        record = self._record()
        policy = {"enabled": True, **body, "name": name, "creationRecord": record, "mutationRecord": record}
        policy["conditions"] = self._named(name, body["conditions"])
        self.table[name] = policy
        return policy

    def update_alert_policy(self, call: Call) -> Answer:
        body = call.params.get("alertPolicy", {})
        held = self._get(body.get("name", ""))
        policy = updated(held, body, call.params.get("updateMask"), fixed=_FIXED)
        self._check(held["name"].split("/")[1], policy)
        policy["conditions"] = self._named(held["name"], policy["conditions"])
        policy.setdefault("enabled", True)
        policy["mutationRecord"] = self._record()
        self.table[held["name"]] = policy
        return policy

    def delete_alert_policy(self, call: Call) -> Answer:
        del self.table[self._get(call.params["name"])["name"]]
        return {}

    def _get(self, name: str) -> dict[str, Any]:
        project = project_of(self._world, name, "monitoring.alertPolicies.get")
        parts = name.split("/")
        found = self.table.get(f"projects/{project}/{'/'.join(parts[2:])}")
        if found is None:
            raise no_such("Alert policy", name)
        return dict(found)

    def _record(self) -> dict[str, str]:
        return {"mutateTime": self._world.simulation.timestamp()}

    def _named(self, policy: str, conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Conditions with names: those of this policy keep theirs."""
        start = f"{policy}/conditions/"
        return [
            {
                **each,
                "name": each["name"] if each.get("name", "").startswith(start) else start + self._world.unique_id(),
            }
            for each in conditions
        ]

    def _check(self, project: str, policy: dict[str, Any]) -> None:
        if not policy.get("displayName"):
            raise missing("alert_policy.display_name")
        if policy.get("combiner", "COMBINE_UNSPECIFIED") == "COMBINE_UNSPECIFIED":
            raise missing("alert_policy.combiner")
        conditions = policy.get("conditions", [])
        if not 1 <= len(conditions) <= MAX_CONDITIONS:
            why = f"An alert policy must have between 1 and {MAX_CONDITIONS} conditions."
            raise invalid("alert_policy.conditions", str(len(conditions)), why)
        for index, condition in enumerate(conditions):
            self._check_condition(project, condition, f"alert_policy.conditions[{index}]")
        for name in policy.get("notificationChannels", []):
            if not name.startswith("projects/"):
                why = "Name must begin with 'projects/{project_id}/notificationChannels/{channel_id}'"
                raise invalid("alert_policy.notification_channels", name, f"{why}, got: {name}")
            if self._channels.find(name) is None:
                raise no_such("Notification channel", name)

    def _check_condition(self, project: str, condition: dict[str, Any], field: str) -> None:
        if not condition.get("displayName"):
            raise missing(f"{field}.display_name")
        if not any(kind in condition for kind in KINDS):
            raise invalid(field, "", "A condition must have one of its kinds set, such as condition_threshold.")
        for kind, name in (("conditionThreshold", "condition_threshold"), ("conditionAbsent", "condition_absent")):
            if kind in condition:
                self._check_query(project, condition[kind], f"{field}.{name}")
        threshold = condition.get("conditionThreshold")
        if threshold is not None and threshold.get("comparison") not in ("COMPARISON_GT", "COMPARISON_LT"):
            why = "Only COMPARISON_LT and COMPARISON_GT are supported currently."
            shown = threshold.get("comparison", "COMPARISON_UNSPECIFIED")
            raise invalid(f"{field}.condition_threshold.comparison", shown, why)

    def _check_query(self, project: str, query: dict[str, Any], field: str) -> None:
        text = query.get("filter", "")
        term = understand(self._world, project, text, field=f"{field}.filter")
        if not filters.restricts(term, "resource.type"):
            raise invalid(
                f"{field}.filter",
                text,
                'must specify a restriction on "resource.type" in the filter; see '
                '"https://cloud.google.com/monitoring/api/resources" for a list of available resource types.',
            )
        if seconds(query.get("duration")) % 60:
            raise invalid(f"{field}.duration", query["duration"], "The duration must be a multiple of 60 seconds.")
        metric = metric_descriptors(self._world, project).get(filters.restricts(term, "metric.type")[0].values[0])
        for index, each in enumerate(query.get("aggregations", [])[:1] if metric else []):
            check_aggregation(
                each,
                kind=(metric or {})["metricKind"],
                value_type=(metric or {})["valueType"],
                field=f"{field}.aggregations[{index}]",
            )
