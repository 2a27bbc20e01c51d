"""Pools that are never touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from poolwright.boot_images.resources import InstanceTemplate

_POOL = "cloud.google.com/gke-nodepool"


class Exclusion(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What is excluded; A100s unless the environment says otherwise, because they are scarce."""

    accelerators: Annotated[
        tuple[str, ...], Meta(description="Accelerator types, as Compute names them.", examples=["nvidia-tesla-a100"])
    ] = ("nvidia-tesla-a100", "nvidia-a100-80gb")
    machine_families: Annotated[
        tuple[str, ...], Meta(description="Machine types up to the first dash.", examples=["a2"])
    ] = ()
    pools: Annotated[tuple[str, ...], Meta(description="Node pools by name.")] = ()
    labels: Annotated[dict[str, str], Meta(description="Node labels of which one match excludes.")] = msgspec.field(
        default_factory=dict
    )

    def excluded_by(self, template: InstanceTemplate) -> str | None:
        """Which rule excludes a pool with this template, in words; None where none does."""
        labels = template.node_labels
        return self.excludes(
            pool=labels.get(_POOL, ""),
            machine_type=template.machine_type,
            accelerators=(*template.accelerators, labels.get("cloud.google.com/gke-accelerator", "")),
            labels=labels,
        )

    def excludes(
        self, *, pool: str, machine_type: str, accelerators: Iterable[str], labels: Mapping[str, str]
    ) -> str | None:
        """The same for what GKE says of a pool; `labels` are its node labels."""
        named = {*accelerators}
        for accelerator in self.accelerators:
            if accelerator in named or _implied(machine_type) == accelerator:
                return f"accelerator {accelerator} is excluded"
        if (machine_family := machine_type.partition("-")[0]) in self.machine_families:
            return f"machine family {machine_family} is excluded"
        if pool in self.pools:
            return f"pool {pool} is excluded"
        for key, value in self.labels.items():
            if labels.get(key) == value:
                return f"label {key}={value} is excluded"
        return None


def _implied(machine_type: str) -> str:
    """The accelerator that an A2 machine has without its template saying so
    (https://cloud.google.com/compute/docs/accelerator-optimized-machines)."""
    if machine_type.startswith("a2-ultragpu"):
        return "nvidia-a100-80gb"
    return "nvidia-tesla-a100" if machine_type.startswith("a2-") else ""
