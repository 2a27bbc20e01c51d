"""What a deployment consists of, as our Terraform makes it (terraform/modules/poolwright; tests compare)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

OWN_APIS = frozenset(
    f"{name}.googleapis.com"
    for name in (
        "artifactregistry", "cloudbuild", "cloudfunctions", "cloudscheduler", "firestore", "iam", "logging",
        "monitoring", "pubsub", "run", "secretmanager", "storage",
    )
)  # fmt: skip
FLEET_APIS = frozenset(
    f"{name}.googleapis.com"
    for name in ("cloudbuild", "compute", "container", "iam", "logging", "monitoring", "pubsub")
)


@dataclass(frozen=True)
class Subscription:
    """Which topic wakes which function. `passes`: what its filter must let pass, empty where there is to be none.
    `everywhere`: each project of the fleet has such a topic, for whoever publishes there takes no other project's."""

    topic: str
    function: str
    passes: tuple[str, ...] = ()
    everywhere: bool = False


SUBSCRIPTIONS = (
    Subscription(
        "cloud-builds",
        "image_built",
        ("SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"),
        everywhere=True,
    ),
    Subscription("gke-audit", "node_pool_changed"),
    Subscription(
        "gke-notifications", "node_pool_changed", ("google.container.v1beta1.UpgradeInfoEvent",), everywhere=True
    ),
    Subscription("gpu-alerts", "gpu_alert"),
    Subscription("rollout-commands", "rollout_command"),
    Subscription("work", "step"),
    Subscription("ticks", "tick"),
    Subscription("notifications", "notify"),
)
DEAD_LETTERS = "dead-letter"
FUNCTION_SECONDS = 60  # the time limit of a function
MOST_WAIT = 600.0  # seconds that a message may lie around before somebody should look

PUBSUB_AGENT = "service-{}@gcp-sa-pubsub.iam.gserviceaccount.com"  # {} is the project's number
GKE_AGENT = "service-{}@container-engine-robot.iam.gserviceaccount.com"
MONITORING_AGENT = "service-{}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
GKE_TOPIC, ALERTS_TOPIC, AUDIT_TOPIC = "gke-notifications", "gpu-alerts", "gke-audit"
SINK_AGENTS = "@gcp-sa-logging.iam.gserviceaccount.com"  # how the email of every sink's writer ends
APIS_AGENT = "{}@cloudservices.gserviceaccount.com"  # who makes the VMs of instance groups


def topic(project: str, name: str) -> str:
    """Its full name."""
    return f"projects/{project}/topics/{name}"


def agents(own: str, fleets: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(full name of a topic, project, agent of that project) of whoever of Google publishes to a topic of ours."""
    yield topic(own, DEAD_LETTERS), own, PUBSUB_AGENT
    for project in fleets:
        yield topic(project, GKE_TOPIC), project, GKE_AGENT
        yield topic(own, ALERTS_TOPIC), project, MONITORING_AGENT
