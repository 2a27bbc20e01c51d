"""What was seen of a deployment, as plain values. Everything may be `Unknown`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolwright.references import ClusterRef
from poolwright.services.doctor.findings import Seen, Unknown
from poolwright.services.ports import Cluster, Json, Listed, NodePool

if TYPE_CHECKING:
    from poolwright.environments import Environment


@dataclass(frozen=True)
class Project:
    """A project, ours or a fleet's. `mine`: those of `permissions.PERSON` that whoever asks has."""

    number: Seen[str]
    apis: Seen[frozenset[str]]
    mine: Seen[frozenset[str]]
    policy: Seen[Json]
    roles: Seen[dict[str, frozenset[str]]]


@dataclass(frozen=True)
class Fleet:
    """What only a project with clusters has. `groups`: all its instance groups, as Compute lists them."""

    trusted_images: Seen[Json]
    region_quotas: Seen[dict[str, list[Json]]]
    project_quotas: Seen[list[Json]]
    groups: Seen[Listed]
    reservations: Seen[Listed]
    alerts: Seen[list[Json]]


@dataclass(frozen=True)
class Deployed:
    """What only the project has that holds topics, functions and store. `waiting` and `oldest`: by subscription id, how
    many messages wait and for how many seconds the oldest does; `publishers`: full name of a topic -> its policy."""

    functions: Seen[list[Json]]
    jobs: Seen[list[Json]]
    topics: Seen[list[str]]
    subscriptions: Seen[list[Json]]
    publishers: Mapping[str, Seen[Json]]
    waiting: Seen[dict[str, float]]
    oldest: Seen[dict[str, float]]
    stop: Seen[str]


@dataclass(frozen=True)
class InCluster:
    """What a control plane says. `reviews`: (who, what) -> whether they may; `versions`: of our API group."""

    version: Seen[str]
    versions: Seen[list[str]]
    provisioners: Seen[list[Json]]
    reviews: Mapping[tuple[str, str], Seen[bool]]


@dataclass(frozen=True)
class ClusterSeen:
    """A cluster that an environment names. `duty_cycle`: newest by node, in percent;
    `image_types`: those that GKE offers where it is."""

    ref: ClusterRef
    environment: Environment
    gke: Seen[Cluster]
    inside: InCluster
    duty_cycle: Seen[dict[str, float]]
    image_types: Seen[list[str]]

    @property
    def pools(self) -> tuple[NodePool, ...]:
        """Its node pools, none where it could not be read."""
        return () if isinstance(self.gke, Unknown) else self.gke.pools


@dataclass(frozen=True)
class Sight:
    """All of it. `own`: the id of the project that holds topics, functions and store; `files`: what is wrong with the
    environment files; `images`: by environment, its family's, newest first; `accounts`: policies of service
    accounts by email, the nodes' and the builders'; `offsets`: by how many seconds Google's clock was ahead of ours."""

    own: str
    files: tuple[str, ...]
    environments: tuple[Environment, ...]
    projects: Mapping[str, Project]
    deployed: Deployed
    fleets: Mapping[str, Fleet]
    clusters: tuple[ClusterSeen, ...]
    images: Mapping[str, Seen[list[Json]]]
    accounts: Mapping[str, Seen[Json]]
    offsets: tuple[float, ...]

    def of(self, environment: Environment) -> Iterator[ClusterSeen]:
        """The clusters of an environment."""
        return (each for each in self.clusters if each.environment.name == environment.name)

    def function(self, name: str) -> Json | None:
        """A deployed function by its entry point, None where there is none or nothing is known."""
        functions = [] if isinstance(self.deployed.functions, Unknown) else self.deployed.functions
        return next((each for each in functions if each.get("buildConfig", {}).get("entryPoint") == name), None)

    def identity(self, function: str) -> str:
        """The email that a function runs as: what is deployed, else what our Terraform calls it."""
        found = self.function(function)
        email = found.get("serviceConfig", {}).get("serviceAccountEmail", "") if found else ""
        return email or f"poolwright-{function.replace('_', '-')}@{self.own}.iam.gserviceaccount.com"

    def node_accounts(self) -> dict[str, str]:
        """Email -> project, of the service accounts of nodes with GPUs; those that are known."""
        found = {
            self._node_account(cluster.ref.project, pool): cluster.ref.project
            for cluster in self.clusters
            for pool in cluster.pools
            if pool.takes_boot_images
        }
        return {email: project for email, project in sorted(found.items()) if email}

    def builders(self) -> dict[str, str]:
        """The same of the identities that boot images are built by, where they are built here at all."""
        return {each.build_service_account: each.project for each in self.environments if each.build.source}

    def _node_account(self, project: str, pool: NodePool) -> str:
        """The email that a pool's nodes run as; empty where it is the default one of a project whose number is not
        known (https://cloud.google.com/compute/docs/access/service-accounts#default_service_account)."""
        if pool.service_account not in ("", "default"):
            return pool.service_account
        number = self.projects[project].number
        return "" if isinstance(number, Unknown) else f"{number}-compute@developer.gserviceaccount.com"
