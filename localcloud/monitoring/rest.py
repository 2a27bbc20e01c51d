"""The HTTP rules of Monitoring, which its Python library leaves out.

Source: https://github.com/googleapis/googleapis/tree/master/google/monitoring/v3
"""

from __future__ import annotations

import dataclasses

from localcloud import schema
from localcloud.schema import HttpRule, Method

PACKAGE = "google.cloud.monitoring_v3"
SERVICES = {
    "metric_service": "MetricService",
    "alert_policy_service": "AlertPolicyService",
    "notification_channel_service": "NotificationChannelService",
}
_PROJECT = "{name=projects/*}"
_POLICY = "projects/*/alertPolicies/*"
_CHANNEL = "projects/*/notificationChannels/*"
_RULES: dict[str, tuple[str, str, str | None]] = {
    "ListTimeSeries": ("get", f"/v3/{_PROJECT}/timeSeries", None),
    "CreateTimeSeries": ("post", f"/v3/{_PROJECT}/timeSeries", "*"),
    "CreateServiceTimeSeries": ("post", f"/v3/{_PROJECT}/timeSeries:createService", "*"),
    "ListMetricDescriptors": ("get", f"/v3/{_PROJECT}/metricDescriptors", None),
    "CreateMetricDescriptor": ("post", f"/v3/{_PROJECT}/metricDescriptors", "metric_descriptor"),
    "GetMetricDescriptor": ("get", "/v3/{name=projects/*/metricDescriptors/**}", None),
    "DeleteMetricDescriptor": ("delete", "/v3/{name=projects/*/metricDescriptors/**}", None),
    "ListMonitoredResourceDescriptors": ("get", f"/v3/{_PROJECT}/monitoredResourceDescriptors", None),
    "GetMonitoredResourceDescriptor": ("get", "/v3/{name=projects/*/monitoredResourceDescriptors/*}", None),
    "ListAlertPolicies": ("get", f"/v3/{_PROJECT}/alertPolicies", None),
    "CreateAlertPolicy": ("post", f"/v3/{_PROJECT}/alertPolicies", "alert_policy"),
    "GetAlertPolicy": ("get", f"/v3/{{name={_POLICY}}}", None),
    "DeleteAlertPolicy": ("delete", f"/v3/{{name={_POLICY}}}", None),
    "UpdateAlertPolicy": ("patch", f"/v3/{{alert_policy.name={_POLICY}}}", "alert_policy"),
    "ListNotificationChannels": ("get", f"/v3/{_PROJECT}/notificationChannels", None),
    "CreateNotificationChannel": ("post", f"/v3/{_PROJECT}/notificationChannels", "notification_channel"),
    "GetNotificationChannel": ("get", f"/v3/{{name={_CHANNEL}}}", None),
    "DeleteNotificationChannel": ("delete", f"/v3/{{name={_CHANNEL}}}", None),
    "UpdateNotificationChannel": ("patch", f"/v3/{{notification_channel.name={_CHANNEL}}}", "notification_channel"),
    "ListNotificationChannelDescriptors": ("get", f"/v3/{_PROJECT}/notificationChannelDescriptors", None),
    "GetNotificationChannelDescriptor": ("get", "/v3/{name=projects/*/notificationChannelDescriptors/*}", None),
    "SendNotificationChannelVerificationCode": ("post", f"/v3/{{name={_CHANNEL}}}:sendVerificationCode", "*"),
    "GetNotificationChannelVerificationCode": ("post", f"/v3/{{name={_CHANNEL}}}:getVerificationCode", "*"),
    "VerifyNotificationChannel": ("post", f"/v3/{{name={_CHANNEL}}}:verify", "*"),
}


def methods() -> list[Method]:
    """Every method of the three services, with its gRPC path and its HTTP rule."""
    found = [method for module, prefix in SERVICES.items() for method in schema.methods_of(PACKAGE, module, prefix)]
    return [dataclasses.replace(each, rules=_rules(each.name)) for each in found]


def _rules(name: str) -> tuple[HttpRule, ...]:
    return (schema.rule(*_RULES[name]),) if name in _RULES else ()
