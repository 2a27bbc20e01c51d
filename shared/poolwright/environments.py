"""An environment: dev, staging or production, one YAML file each. Nothing that a message says changes what is here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.substitutions import Substitutions
from poolwright.references import ClusterRef

Mode = Literal["observe", "offer", "act"]


class BadEnvironment(Exception):
    """A file that cannot be used; the text names file, path and remedy."""


class ClusterPlace(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A cluster of the environment; `location` is a region or a zone."""

    name: str
    location: str


class RolloutPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How a boot image goes out. The first wave is the canary, one group; `waves` are the cumulative fractions of the
    groups after it; times are seconds; `canary_node` adds a node to the canary group so that something boots the image.
    """

    waves: tuple[float, ...] = (0.5, 1.0)
    bake_seconds: float = 600
    node_ready_seconds: float = 900
    canary_node: bool = True
    on_failure: Literal["rollBack", "hold"] = "rollBack"


class CapacityPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which metric is the duty cycle here, and how old (seconds) a point may be before it counts as unknown."""

    duty_cycle_metric: str = "kubernetes.io/node/accelerator/duty_cycle"
    max_age_seconds: float = 300


class Environment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One file. `build_service_account`: the only identity whose boot images are accepted; `build_location`: where
    Cloud Build runs them, a region or `global`."""

    name: str
    project: str
    clusters: tuple[ClusterPlace, ...]
    build_service_account: str
    build_location: str = "global"
    mode: Mode = "observe"
    exclude: Exclusion = Exclusion()
    substitutions: Substitutions = Substitutions()
    rollout: RolloutPolicy = RolloutPolicy()
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
