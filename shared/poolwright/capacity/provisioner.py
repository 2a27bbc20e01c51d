"""`NodeProvisioner` (group compute.poolwright.dev): which instance groups, which GPU capacity rules."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

LABEL = "compute.poolwright.dev/provisioner-name"


class BadProvisioner(Exception):
    """The object's spec cannot be used; the text names the field and what would do."""


class Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The rules. Percentages are of the mean duty cycle of the provisioner's GPUs; times are seconds."""

    existing_instance_group_names: tuple[str, ...]
    mode: Literal["observe", "offer", "act"] = "act"
    min_gpu_utilization_percent: float | None = msgspec.field(default=None, name="minGPUUtilizationPercent")
    max_gpu_utilization_percent: float | None = msgspec.field(default=None, name="maxGPUUtilizationPercent")
    min_unutilized_gpu_nodes: int = msgspec.field(default=0, name="minUnutilizedGPUNodes")
    min_nodes: int = 0
    max_nodes: int
    cooldown_seconds: float = 300
    drain_seconds: float = 600


class Provisioner(msgspec.Struct, frozen=True, kw_only=True):
    """One object: its name and its rules."""

    name: str
    spec: Spec


def decode(body: dict[str, Any]) -> Provisioner:
    """From the custom resource's JSON. BadProvisioner."""
    name = body.get("metadata", {}).get("name", "")
    try:
        spec = msgspec.convert(body.get("spec", {}), Spec)
    except msgspec.ValidationError as wrong:
        raise BadProvisioner(f"NodeProvisioner {name}: spec: {wrong}; kubectl edit nodeprovisioner {name}") from None
    low, high = spec.min_gpu_utilization_percent, spec.max_gpu_utilization_percent
    if spec.min_nodes > spec.max_nodes:
        raise BadProvisioner(
            f"NodeProvisioner {name}: spec.minNodes is above spec.maxNodes; lower it or raise the other"
        )
    if low is not None and high is not None and low >= high:
        raise BadProvisioner(
            f"NodeProvisioner {name}: spec.minGPUUtilizationPercent must be below spec.maxGPUUtilizationPercent"
        )
    if not spec.existing_instance_group_names:
        raise BadProvisioner(
            f"NodeProvisioner {name}: spec.existingInstanceGroupNames is empty; name one group at least"
        )
    return Provisioner(name=name, spec=spec)
