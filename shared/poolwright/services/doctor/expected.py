"""What a deployment consists of, as our Terraform makes it (terraform/modules/poolwright; tests compare)."""

from __future__ import annotations

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
    """Which topic wakes which function. `passes`: what its filter must let pass, empty where there is to be none."""

    topic: str
    function: str
    passes: tuple[str, ...] = ()


SUBSCRIPTIONS = (
    Subscription(
        "cloud-builds", "image_built", ("SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED")
    ),
    Subscription("gke-audit", "node_pool_changed"),
    Subscription("gke-notifications", "node_pool_changed", ("google.container.v1beta1.UpgradeInfoEvent",)),
    Subscription("gpu-alerts", "gpu_alert"),
    Subscription("rollout-commands", "rollout_command"),
    Subscription("work", "step"),
    Subscription("ticks", "tick"),
    Subscription("notifications", "notify"),
)
DEAD_LETTERS = "dead-letter"
FUNCTION_SECONDS = 60  # the time limit of a function
MOST_WAIT = 600.0  # seconds that a message may lie around before somebody should look

# Topic -> the agent of each fleet project that publishes there, {} being the project's number.
AGENTS = {
    "gke-notifications": "service-{}@container-engine-robot.iam.gserviceaccount.com",
    "gpu-alerts": "service-{}@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
}
PUBSUB_AGENT = "service-{}@gcp-sa-pubsub.iam.gserviceaccount.com"
