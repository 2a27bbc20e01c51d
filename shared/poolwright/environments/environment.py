"""One environment file, decoded."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.substitutions import Substitutions
from poolwright.environments.build_policy import BuildPolicy, Retention, SourceImagePolicy
from poolwright.environments.kinds import Location, Project, SomeSeconds, like
from poolwright.environments.rollout_policy import RolloutPolicy
from poolwright.references import ClusterRef

Mode = Literal["observe", "offer", "act"]


class ClusterPlace(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A cluster of the environment."""

    # https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster
    name: Annotated[
        str,
        like(
            r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", "the name of a cluster: lower-case letters, digits and -, 40 at most"
        ),
        Meta(description="Name of the cluster."),
    ]
    location: Annotated[Location, Meta(description="Its region or zone.", examples=["us-central1"])]


class Notifications(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where else a decision or an effect is told."""

    webhook_variable: Annotated[
        str,
        like(
            r"^([A-Za-z_][A-Za-z0-9_]*)?$",
            "the name of an environment variable; the URL itself is a secret",
            hidden=True,
        ),
        Meta(
            description="Environment variable (of a secret) that holds the URL of a Slack-style webhook; none if empty."
        ),
    ] = ""
    kinds: Annotated[tuple[str, ...], Meta(description="Kinds of records that go there; all if none.")] = ()


class CapacityPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How busy GPUs are known to be."""

    duty_cycle_metric: Annotated[
        str, Meta(description="The metric that is the duty cycle in these clusters.", min_length=1)
    ] = "kubernetes.io/node/accelerator/duty_cycle"
    max_age_seconds: Annotated[SomeSeconds, Meta(description="A duty cycle older than this is unknown.")] = 300


class Environment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One file of `environments/`."""

    # Part of labels, of an image family and of `poolwright-<name>-<run id of 18 digits>`, 63 characters.
    name: Annotated[
        str,
        like(
            r"^[a-z]([-a-z0-9]*[a-z0-9])?$", "lower-case letters, digits and -, 30 at most, a letter first", longest=30
        ),
        Meta(description="As the file."),
    ]
    project: Annotated[Project, Meta(description="Id of the project of clusters, images and builds.")]
    clusters: Annotated[
        tuple[ClusterPlace, ...], Meta(description="Its clusters; each belongs to one environment.", min_length=1)
    ]
    build_service_account: Annotated[
        str,
        like(
            r"^[^@\s]+@[^@\s]+\.gserviceaccount\.com$",
            "the email of a service account, such as image-builder@my-project.iam.gserviceaccount.com",
        ),
        Meta(description="Email of the only identity whose boot images are accepted."),
    ]
    build_location: Annotated[
        str,
        like(r"^(global|[a-z]+(-[a-z]+)+[0-9]+)$", "a region, such as us-central1, or global"),
        Meta(description="Where Cloud Build runs the builds: a region or `global`."),
    ] = "global"
    mode: Annotated[
        Mode,
        Meta(description="Decide and record and write nothing, wait for a person's start, or act."),
    ] = "observe"
    run_id: Annotated[
        Annotated[int, Meta(ge=1, le=10**18 - 1)] | None,
        Meta(description="The run that the environment is pinned to, which automation never passes."),
    ] = None
    source_image: Annotated[SourceImagePolicy, Meta(description="What boot images are built on.")] = SourceImagePolicy()
    build: Annotated[BuildPolicy, Meta(description="How Cloud Build makes them.")] = BuildPolicy()
    exclude: Annotated[Exclusion, Meta(description="Node pools that are never touched.")] = Exclusion()
    substitutions: Annotated[
        Substitutions, Meta(description="What is changed in the templates of node pools, beside the boot image.")
    ] = Substitutions()
    rollout: Annotated[RolloutPolicy, Meta(description="How a boot image goes out.")] = RolloutPolicy()
    retention: Annotated[Retention, Meta(description="When what nothing names any more goes.")] = Retention()
    notifications: Annotated[Notifications, Meta(description="Where else decisions are told.")] = Notifications()
    capacity: Annotated[CapacityPolicy, Meta(description="How busy GPUs are known to be.")] = CapacityPolicy()

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
