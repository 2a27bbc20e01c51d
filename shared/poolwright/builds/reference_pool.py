"""The reference pool: a node pool without nodes, whose template shows what GKE would make nodes from now.

https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from poolwright.references import REFERENCE_POOL

if TYPE_CHECKING:
    from poolwright.environments import ReferencePool

NAME = "poolwright-reference"

Json = dict[str, Any]


def body(wanted: ReferencePool, *, environment: str) -> Json:
    """The NodePool to create: no nodes, no autoscaling, and GKE's own choice of version, since that is the question."""
    config: Json = {
        "machineType": wanted.machine_type,
        "imageType": wanted.image_type,
        "labels": {REFERENCE_POOL: environment},
    }
    if wanted.accelerator:
        count = str(wanted.accelerator_count)
        config["accelerators"] = [{"acceleratorType": wanted.accelerator, "acceleratorCount": count}]
    found: Json = {"name": NAME, "initialNodeCount": 0, "config": config}
    return found | ({"locations": [wanted.zone]} if wanted.zone else {})


def is_of(labels: Mapping[str, str], environment: str) -> bool:
    """Whether a pool with these node labels is this environment's own."""
    return labels.get(REFERENCE_POOL) == environment


def differences(
    wanted: ReferencePool,
    *,
    machine_type: str,
    image_type: str,
    accelerators: tuple[str, ...],
    gpus_per_node: int,
    locations: tuple[str, ...],
) -> tuple[str, ...]:
    """In what a pool is not what the environment wants, as phrases. Machines that bring their GPUs need not name
    them."""
    found = []
    if machine_type != wanted.machine_type:
        found.append(f"machine type {machine_type}, not {wanted.machine_type}")
    if image_type.upper() != wanted.image_type.upper():
        found.append(f"image type {image_type}, not {wanted.image_type}")
    if wanted.accelerator and (accelerators, gpus_per_node) != ((wanted.accelerator,), wanted.accelerator_count):
        found.append(
            f"{gpus_per_node} of {', '.join(accelerators) or 'no accelerator'}, "
            f"not {wanted.accelerator_count} of {wanted.accelerator}"
        )
    if wanted.zone and locations != (wanted.zone,):
        found.append(f"zones {', '.join(locations)}, not {wanted.zone}")
    return tuple(found)
