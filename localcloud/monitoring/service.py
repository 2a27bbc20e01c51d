"""The API's methods, put together."""

from __future__ import annotations

from localcloud.dispatch import Api
from localcloud.monitoring import rest
from localcloud.monitoring.channels import Channels
from localcloud.monitoring.incidents import Incidents
from localcloud.monitoring.metrics import Metrics
from localcloud.monitoring.policies import Policies
from localcloud.monitoring.queries import Queries
from localcloud.monitoring.sampling import NodesAndPods, Sampling
from localcloud.monitoring.series import SeriesStore
from localcloud.monitoring.writing import Writing
from localcloud.world import World

HOST = "monitoring.googleapis.com"


class Monitoring:
    """Cloud Monitoring over a world whose clusters `nodes_and_pods` gives: (cluster, its nodes, its pods)."""

    def __init__(self, world: World, nodes_and_pods: NodesAndPods) -> None:
        self._world = world
        store = SeriesStore(world)
        queries = Queries(world, store)
        self._metrics = Metrics(world, store, queries)
        self._writing = Writing(world, store)
        self._channels = Channels(world)
        self._policies = Policies(world, self._channels)
        incidents = Incidents(world, self._policies, self._channels, queries)
        Sampling(world, store, nodes_and_pods, sampled=incidents.judge)

    def api(self) -> Api:
        """gRPC, and REST by the rules of `rest`."""
        metrics, policies, channels = self._metrics, self._policies, self._channels
        services = {
            "MetricService": {
                "ListTimeSeries": metrics.list_time_series,
                "CreateTimeSeries": self._writing.create_time_series,
                "ListMetricDescriptors": metrics.list_metric_descriptors,
                "GetMetricDescriptor": metrics.get_metric_descriptor,
                "CreateMetricDescriptor": metrics.create_metric_descriptor,
                "DeleteMetricDescriptor": metrics.delete_metric_descriptor,
                "ListMonitoredResourceDescriptors": metrics.list_monitored_resource_descriptors,
                "GetMonitoredResourceDescriptor": metrics.get_monitored_resource_descriptor,
            },
            "AlertPolicyService": {
                "ListAlertPolicies": policies.list_alert_policies,
                "GetAlertPolicy": policies.get_alert_policy,
                "CreateAlertPolicy": policies.create_alert_policy,
                "UpdateAlertPolicy": policies.update_alert_policy,
                "DeleteAlertPolicy": policies.delete_alert_policy,
            },
            "NotificationChannelService": {
                "ListNotificationChannels": channels.list_notification_channels,
                "GetNotificationChannel": channels.get_notification_channel,
                "CreateNotificationChannel": channels.create_notification_channel,
                "UpdateNotificationChannel": channels.update_notification_channel,
                "DeleteNotificationChannel": channels.delete_notification_channel,
                "ListNotificationChannelDescriptors": channels.list_descriptors,
                "GetNotificationChannelDescriptor": channels.get_descriptor,
            },
        }
        handlers = {
            f"google.monitoring.v3.{service}.{name}": handler
            for service, each in services.items()
            for name, handler in each.items()
        }
        return Api(world=self._world, host=HOST, methods=rest.methods(), handlers=handlers)
