"""One environment file, decoded."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.substitutions import Substitutions
from poolwright.environments.build_policy import BuildPolicy, Retention, SourceImagePolicy
from poolwright.environments.rollout_policy import RolloutPolicy
from poolwright.references import ClusterRef

Mode = Literal["observe", "offer", "act"]


class ClusterPlace(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A cluster of the environment; `location` is a region or a zone."""

    name: str
    location: str


class Notifications(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where else a decision or an effect is told. `webhook_variable`: the environment variable (of a secret) that
    holds the URL of a Slack-style webhook; empty for none. `kinds`: which records go there, all if none."""

    webhook_variable: str = ""
    kinds: tuple[str, ...] = ()


class CapacityPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which metric is the duty cycle here, and how old (seconds) a point may be before it counts as unknown."""

    duty_cycle_metric: str = "kubernetes.io/node/accelerator/duty_cycle"
    max_age_seconds: float = 300


class Environment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One file. `build_service_account`: the only identity whose boot images are accepted; `build_location`: where
    Cloud Build runs them, a region or `global`; `run_id`: the run that the environment is pinned to, which automation
    never passes."""

    name: str
    project: str
    clusters: tuple[ClusterPlace, ...]
    build_service_account: str
    build_location: str = "global"
    mode: Mode = "observe"
    run_id: int | None = None
    source_image: SourceImagePolicy = SourceImagePolicy()
    build: BuildPolicy = BuildPolicy()
    exclude: Exclusion = Exclusion()
    substitutions: Substitutions = Substitutions()
    rollout: RolloutPolicy = RolloutPolicy()
    retention: Retention = Retention()
    notifications: Notifications = Notifications()
    capacity: CapacityPolicy = CapacityPolicy()

    @property
    def image_family(self) -> str:
        """The family of this environment's boot images."""
        return f"poolwright-{self.name}"

    @property
    def digest(self) -> str:
        """Changes when anything in the file does."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]

    def cluster_refs(self) -> tuple[ClusterRef, ...]:
        """Its clusters, by full name."""
        return tuple(ClusterRef(self.project, place.location, place.name) for place in self.clusters)
