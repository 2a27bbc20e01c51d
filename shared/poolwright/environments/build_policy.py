"""What boot images are made of in an environment, and how long they are kept."""

from __future__ import annotations

from typing import Literal

import msgspec


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
