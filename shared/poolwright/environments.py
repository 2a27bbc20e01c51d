"""An environment: dev, staging or production, one YAML file each. Nothing that a message says changes what is here."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.substitutions import Substitutions
from poolwright.references import ClusterRef

Mode = Literal["observe", "offer", "act"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class BadEnvironment(Exception):
    """A file that cannot be used; the text names file, path and remedy."""


class ClusterPlace(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A cluster of the environment; `location` is a region or a zone."""

    name: str
    location: str


class SmokeJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A Job that must succeed on a node that booted our image; for these accelerator types, or for all if none."""

    image: str
    command: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    namespace: str = "default"
    timeout_seconds: float = 600


class Gates(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a wave must show beside nodes that are Ready, boot our image and have their GPUs. `cache_hit`: the
    pre-loaded containers are there; `not_ready_rise`: by how many NotReady nodes a wave's pools may exceed what they
    had when it began."""

    cache_hit: bool = False
    smoke_jobs: tuple[SmokeJob, ...] = ()
    not_ready_rise: int = 0


class Window(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When waves may begin: on these weekdays, from a time of day until another (the next day's, if earlier)."""

    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    begins: str = "00:00"
    ends: str = "24:00"
    time_zone: str = "UTC"


class Freeze(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When nothing new begins, whatever the windows say."""

    begins: datetime
    ends: datetime
    reason: str = ""


class RolloutPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How a boot image goes out. The first wave is the canary, one group; `waves` are the cumulative fractions of the
    groups after it; times are seconds; `canary_node` adds a node to the canary group so that something boots the image.

    `node_policy`: `new-nodes-only` leaves running nodes alone; `replace` cordons, drains and recreates them, at most
    `max_unavailable` of a group at a time, or with `max_surge` more than it had. `drain_seconds`: how long the budgets
    of a node's pods may hold the drain up before the target is given up. Windows: none means always.
    """

    waves: tuple[float, ...] = (0.5, 1.0)
    bake_seconds: float = 600
    node_ready_seconds: float = 900
    canary_node: bool = True
    on_failure: Literal["rollBack", "hold"] = "rollBack"
    node_policy: Literal["new-nodes-only", "replace"] = "new-nodes-only"
    max_unavailable: int = 1
    max_surge: int = 0
    drain_seconds: float = 3600
    gates: Gates = Gates()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()


class ReferencePool(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The zero-node pool that shows what GKE would use now: which cluster of the environment, which machines."""

    cluster: str
    machine_type: str
    accelerator: str = ""
    accelerator_count: int = 1
    image_type: str = "COS_CONTAINERD"
    zone: str = ""


class SourceImagePolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What our boot images are built on. `image`: the name of the GKE node image that the environment is on, empty for
    whatever the reference pool shows; `on_change`: what follows when GKE moves a pool to another base."""

    image: str = ""
    reference_pool: ReferencePool | None = None
    on_change: Literal["rebuild", "report"] = "report"


class BuildPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How Cloud Build makes a boot image. `source`: `gs://bucket/object` of the archive with packer's files;
    `containers`: what is pre-loaded, each pinned by digest."""

    source: str = ""
    zone: str = ""
    machine_type: str = "e2-standard-4"
    disk_size_gb: int = 100
    timeout_seconds: float = 7200
    containers: tuple[str, ...] = ()


class Retention(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When what nothing names any more goes: templates of ours after a grace period, boot images after it too, but
    never the newest `images`."""

    grace_seconds: float = 7 * 86400
    images: int = 5


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


def load(folder: Path) -> tuple[Environment, ...]:
    """Every `*.yaml` of the folder, by name. BadEnvironment."""
    import yaml

    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            environment = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), Environment)
        except yaml.YAMLError as wrong:
            raise BadEnvironment(f"{path}: not YAML: {wrong}") from None
        except msgspec.ValidationError as wrong:
            raise BadEnvironment(f"{path}: {wrong}; see docs/environments.md for the fields") from None
        if environment.name != path.stem:
            raise BadEnvironment(f"{path}: name is {environment.name!r}; call it {path.stem!r} or rename the file")
        found.append(environment)
    if not found:
        raise BadEnvironment(f"{folder}: no environment file there; add one, such as dev.yaml")
    return tuple(found)


def of_cluster(environments: tuple[Environment, ...], ref: ClusterRef) -> Environment | None:
    """The environment that the cluster belongs to."""
    return next((each for each in environments if ref in each.cluster_refs()), None)


def by_name(environments: tuple[Environment, ...], name: str) -> Environment | None:
    """The environment of that name."""
    return next((each for each in environments if each.name == name), None)
