"""What a look at the deployment needs of the outside world beyond `services.ports`: reads alone, as JSON.

Errors: `Missing`, `Weather`, and `Rejected` where Google does not allow the read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from poolwright.references import ClusterRef
from poolwright.services.ports import Json, Kubernetes, Ports


class ServiceUsage(Protocol):
    """Service Usage (https://cloud.google.com/service-usage/docs/reference/rest/v1/services)."""

    def enabled(self, project: str, apis: Collection[str]) -> frozenset[str]:
        """Those of the APIs (host names, 30 at most) that are enabled in the project."""


class Projects(Protocol):
    """Resource Manager (https://cloud.google.com/resource-manager/reference/rest/v3/projects)."""

    def number(self, project: str) -> str:
        """The project's number."""

    def allowed(self, project: str, permissions: Collection[str]) -> frozenset[str]:
        """Those of the permissions (100 at most) that whoever asks has in the project."""

    def policy(self, project: str) -> Json:
        """Who has which role in the project, conditions included."""


class Iam(Protocol):
    """IAM (https://cloud.google.com/iam/docs/reference/rest)."""

    def roles(self, project: str) -> dict[str, frozenset[str]]:
        """The project's own roles by full name, with their permissions."""

    def account_policy(self, email: str) -> Json:
        """Who may do what with a service account."""


class OrgPolicy(Protocol):
    """Organization Policy (https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies)."""

    def effective(self, project: str, constraint: str) -> Json:
        """The spec that holds in the project, merged with what it inherits."""


class Functions(Protocol):
    """Cloud Functions (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions)."""

    def functions(self, project: str) -> list[Json]:
        """All functions of the project, wherever they are."""


class Scheduler(Protocol):
    """Cloud Scheduler (https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs)."""

    def jobs(self, project: str, location: str) -> list[Json]:
        """The jobs of a region."""


class PubSub(Protocol):
    """Pub/Sub (https://cloud.google.com/pubsub/docs/reference/rest)."""

    def topics(self, project: str) -> list[str]:
        """Full names of the project's topics."""

    def subscriptions(self, project: str) -> list[Json]:
        """The project's subscriptions."""

    def topic_policy(self, topic: str) -> Json:
        """Who may do what with a topic."""


class Quotas(Protocol):
    """Compute Engine's allocation quotas (https://cloud.google.com/compute/resource-usage)."""

    def of_regions(self, project: str) -> dict[str, list[Json]]:
        """Region -> its quotas: metric, limit, usage."""

    def of_project(self, project: str) -> list[Json]:
        """The project's own: metric, limit, usage."""


class ServerConfig(Protocol):
    """What GKE offers (https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/ServerConfig)."""

    def image_types(self, project: str, location: str) -> list[str]:
        """The image types that a node pool of this project may have in this place."""


class Alerts(Protocol):
    """Cloud Monitoring beside the duty cycle (https://cloud.google.com/monitoring/api/ref_v3/rest)."""

    def policies(self, project: str) -> list[Json]:
        """The project's alert policies."""

    def of_subscriptions(self, project: str, metric: str, *, since: float, until: float) -> dict[str, float]:
        """Subscription id -> newest value of a metric of Pub/Sub's in the interval (seconds since the epoch)."""


class ControlPlane(Kubernetes, Protocol):
    """One cluster's control plane."""

    def version(self) -> str:
        """What it runs, such as v1.33.5-gke.1080000."""

    def served(self, group: str) -> list[str]:
        """The versions in which it serves an API group, none where it does not know the group."""

    def may(self, attributes: Json, *, user: str = "") -> bool:
        """Whether a user, or whoever asks, may do it (resourceAttributes of authorization.k8s.io/v1). Rejected."""


class ControlPlanes(Protocol):
    """The way from a cluster's name to its control plane."""

    def kubernetes(self, ref: ClusterRef) -> ControlPlane:
        """The cluster's API."""


class Dates(Protocol):
    """What Google's answers said of the time."""

    def offsets(self) -> Sequence[float]:
        """By how many seconds Google's clock was ahead of ours, for each answer so far."""


@dataclass(frozen=True)
class Instruments:
    """All of it."""

    ports: Ports
    service_usage: ServiceUsage
    projects: Projects
    iam: Iam
    org_policy: OrgPolicy
    functions: Functions
    scheduler: Scheduler
    pubsub: PubSub
    quotas: Quotas
    alerts: Alerts
    server_config: ServerConfig
    clusters: ControlPlanes
    dates: Dates
