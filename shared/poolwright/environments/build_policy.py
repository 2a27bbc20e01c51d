"""What boot images are made of in an environment, and how long they are kept."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from poolwright.environments.kinds import MachineType, Seconds, SomeSeconds, Zone, like

Container = Annotated[
    str,
    like(r"^[^@\s]+@sha256:[0-9a-f]{64}$", "an image pinned by digest, such as registry/name@sha256:<64 hex digits>"),
]


class ReferencePool(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The zero-node pool that shows what GKE would use now: which cluster of the environment, which machines."""

    cluster: Annotated[str, Meta(description="Name of one of the environment's clusters.")]
    machine_type: Annotated[MachineType, Meta(description="Machine type of the pool.", examples=["g2-standard-8"])]
    accelerator: Annotated[str, Meta(description="Accelerator type, if the machine type brings none.")] = ""
    accelerator_count: Annotated[int, Meta(description="Accelerators a node.", ge=1, le=16)] = 1
    image_type: Annotated[Literal["COS_CONTAINERD", "UBUNTU_CONTAINERD"], Meta(description="GKE's node image.")] = (
        "COS_CONTAINERD"
    )
    zone: Annotated[Zone, Meta(description="The zone it is made in; GKE's choice if empty.")] = ""


class SourceImagePolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What our boot images are built on."""

    image: Annotated[
        str,
        Meta(description="Name of the GKE node image that the environment is on; the reference pool's if empty."),
    ] = ""
    reference_pool: Annotated[
        ReferencePool | None, Meta(description="The zero-node pool that shows what GKE would use now.")
    ] = None
    on_change: Annotated[
        Literal["rebuild", "report"],
        Meta(description="When GKE moves a pool to another base: build an image on it, or only say so."),
    ] = "report"


class BuildPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How Cloud Build makes a boot image."""

    source: Annotated[
        str,
        like(r"^(gs://[a-z0-9][a-z0-9._-]+/.+)?$", "an object in Cloud Storage, gs://BUCKET/OBJECT"),
        Meta(description="`gs://bucket/object` of the archive with packer's files."),
    ] = ""
    zone: Annotated[Zone, Meta(description="Where packer's machine runs; the reference pool's zone, if empty.")] = ""
    machine_type: Annotated[MachineType, Meta(description="Machine type of packer's machine.")] = "e2-standard-4"
    disk_size_gb: Annotated[int, Meta(description="Size of the image, in GB.", ge=10, le=65536)] = 100
    timeout_seconds: Annotated[SomeSeconds, Meta(description="How long a build may take, a day at most.", le=86400)] = (
        7200
    )
    containers: Annotated[
        tuple[Container, ...], Meta(description="Container images that are pre-loaded, each pinned by digest.")
    ] = ()


class Retention(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When what nothing names any more goes: templates of ours after a grace period, boot images after it too."""

    grace_seconds: Annotated[
        Seconds, Meta(description="How long a template or a boot image that nothing names any more stays.")
    ] = 7 * 86400
    images: Annotated[int, Meta(description="The newest boot images always stay, so many.", ge=1)] = 5
