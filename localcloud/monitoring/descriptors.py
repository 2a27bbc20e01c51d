"""What metrics and monitored resources there are.

Metrics of Kubernetes: https://cloud.google.com/monitoring/api/metrics_kubernetes ;
of Pub/Sub: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub ;
resources: https://cloud.google.com/monitoring/api/resources
"""

from __future__ import annotations

from typing import Any

from localcloud.world import World

DUTY_CYCLE = "kubernetes.io/node/accelerator/duty_cycle"
MEMORY_USED = "kubernetes.io/node/accelerator/memory_used"
MEMORY_TOTAL = "kubernetes.io/node/accelerator/memory_total"
CONTAINER_DUTY_CYCLE = "kubernetes.io/container/accelerator/duty_cycle"
CONTAINER_MEMORY_USED = "kubernetes.io/container/accelerator/memory_used"
CONTAINER_MEMORY_TOTAL = "kubernetes.io/container/accelerator/memory_total"
CONTAINER_REQUEST = "kubernetes.io/container/accelerator/request"
UNDELIVERED = "pubsub.googleapis.com/subscription/num_undelivered_messages"
OLDEST_UNACKED = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"

_GPU_LABELS = ("make", "accelerator_id", "model")
# type: (display name, unit, labels, resource)
_GAUGES = {
    DUTY_CYCLE: ("Accelerator duty cycle", "1", _GPU_LABELS, "k8s_node"),
    MEMORY_USED: ("Accelerator memory used", "By", _GPU_LABELS, "k8s_node"),
    MEMORY_TOTAL: ("Accelerator memory total", "By", _GPU_LABELS, "k8s_node"),
    CONTAINER_DUTY_CYCLE: ("Accelerator duty cycle", "1", _GPU_LABELS, "k8s_container"),
    CONTAINER_MEMORY_USED: ("Accelerator memory used", "By", _GPU_LABELS, "k8s_container"),
    CONTAINER_MEMORY_TOTAL: ("Accelerator memory total", "By", _GPU_LABELS, "k8s_container"),
    CONTAINER_REQUEST: ("Request accelerators", "{devices}", ("resource_name",), "k8s_container"),
    UNDELIVERED: ("Unacked messages", "1", (), "pubsub_subscription"),
    OLDEST_UNACKED: ("Oldest unacked message age", "s", (), "pubsub_subscription"),
}
_NODE = ("project_id", "location", "cluster_name", "node_name")
_CONTAINER = ("project_id", "location", "cluster_name", "namespace_name", "pod_name", "container_name")
# type: (display name, labels)
RESOURCES = {
    "k8s_node": ("Kubernetes Node", _NODE),
    "k8s_container": ("Kubernetes Container", _CONTAINER),
    "k8s_pod": ("Kubernetes Pod", _CONTAINER[:-1]),
    "k8s_cluster": ("Kubernetes Cluster", _NODE[:-1]),
    "gce_instance": ("VM Instance", ("project_id", "instance_id", "zone")),
    "generic_node": ("Generic Node", ("project_id", "location", "namespace", "node_id")),
    "generic_task": ("Generic Task", ("project_id", "location", "namespace", "job", "task_id")),
    "pubsub_topic": ("Cloud Pub/Sub Topic", ("project_id", "topic_id")),
    "pubsub_subscription": ("Cloud Pub/Sub Subscription", ("project_id", "subscription_id")),
    "global": ("Global", ("project_id",)),
}
CUSTOM = (
    "custom.googleapis.com/",
    "external.googleapis.com/",
    "workload.googleapis.com/",
    "prometheus.googleapis.com/",
)


def metric_descriptors(world: World, project: str) -> dict[str, dict[str, Any]]:
    """Type -> descriptor: Google's own and the project's."""
    found = {kind: _gauge(project, kind) for kind in _GAUGES}
    start = f"projects/{project}/metricDescriptors/"
    own = {each["type"]: each for key, each in own_descriptors(world).items() if key.startswith(start)}
    return dict(sorted((found | own).items()))


def own_descriptors(world: World) -> dict[str, Any]:
    """The table of the descriptors that users made, by name."""
    return world.table("monitoring.metricDescriptors")


def resource_descriptor(project: str, kind: str) -> dict[str, Any]:
    """One monitored resource type."""
    display_name, labels = RESOURCES[kind]
    return {
        "name": f"projects/{project}/monitoredResourceDescriptors/{kind}",
        "type": kind,
        "displayName": display_name,
        "labels": [{"key": each} for each in labels],
    }


def _gauge(project: str, kind: str) -> dict[str, Any]:
    display_name, unit, labels, resource = _GAUGES[kind]
    return {
        "name": f"projects/{project}/metricDescriptors/{kind}",
        "type": kind,
        "displayName": display_name,
        "description": f"{display_name}.",
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "unit": unit,
        "labels": [{"key": each} for each in labels],
        "metadata": {"launchStage": "GA", "samplePeriod": "60s", "ingestDelay": "120s"},
        "launchStage": "GA",
        "monitoredResourceTypes": [resource],
    }
