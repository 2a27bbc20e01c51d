"""A fleet of any width: clusters of a hundred instance groups and fewer, all of GPU pools that are empty, as a fleet is
at night; the environment that has them; and three groups more that no environment has, for whoever works by hand.

Compute answers in a tenth of a second, its operations take two, its rate quotas are enforced. What a VM needs to become
a node takes no time: it is Google's time, not ours, and the same for whoever changes the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcloud.gke import versions
from poolwright.boot_images import image

NAME, PROJECT, RUN_ID = "bench", "acme-gpu", 1
LATENCY, OPERATION = 0.1, 2.0  # seconds: of an answer, of an operation of Compute
REGION, ZONES = "us-central1", ("us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f")
GROUPS_A_CLUSTER = 100
BY_HAND = "by-hand"  # the pool, and the cluster, whose groups a person changes
HANDS = 3

# Requests a minute (https://cloud.google.com/compute/docs/api-rate-limits). As long as the page gave numbers it gave
# 1,500 for queries and for reads; half of it for what it calls heavy is a guess.
QUOTAS = {"heavy_weight_read_requests": 750, "heavy_weight_read_requests_per_region": 750} | {
    f"{name}{suffix}": 1500
    for name in ("default", "read_requests", "list_requests", "operation_read_requests")
    for suffix in ("", "_per_region")
}
AT_ONCE = ("attempt", "provision", "stage", "stop")
NODE_AT_ONCE = ("register", "readyStock", "readyBaked", "gpuStock", "gpuBaked", "pullStock", "pullBaked")


@dataclass(frozen=True)
class Wide:
    """The files of a fleet: the stand-in's world, the folder of environments; and how many groups a rollout has."""

    world: Path
    environments: Path
    groups: int

    @property
    def image(self) -> str:
        """The boot image that is rolled out."""
        return f"{image.family(NAME)}-{RUN_ID}"


def write(groups: int, folder: Path) -> Wide:
    """A fleet of so many groups that a rollout changes."""
    folder.mkdir(parents=True, exist_ok=True)
    world = folder / "world.yaml"
    world.write_text(yaml.safe_dump(_world(groups), sort_keys=False), "utf-8")
    environments = folder / "environments"
    environments.mkdir(exist_ok=True)
    (environments / f"{NAME}.yaml").write_text(yaml.safe_dump(_environment(groups), sort_keys=False), "utf-8")
    return Wide(world, environments, groups)


def _world(groups: int) -> dict[str, Any]:
    source = versions.image_path(versions.DEFAULT, "COS_CONTAINERD").rpartition("/")[2]
    labels = image.labels(environment=NAME, run_id=RUN_ID, source_image=source, gke_version=versions.DEFAULT)
    by_hand = {"name": BY_HAND, "location": REGION, "nodePools": [_pool(BY_HAND, HANDS)]}
    return {
        "project": PROJECT,
        "seed": 1,
        "clusters": [*_clusters(groups), by_hand],
        "images": [{"name": f"{image.family(NAME)}-{RUN_ID}", "family": image.family(NAME), "labels": labels}],
        "latency": {
            f"{host}/*": LATENCY for host in ("compute.googleapis.com", "container.googleapis.com", "kubernetes")
        },
        "rateQuotas": QUOTAS,
        "timings": {
            "compute": {"operation": OPERATION, **dict.fromkeys(AT_ONCE, 0.0)},
            "gke": dict.fromkeys(NODE_AT_ONCE, 0.0),
        },
    }


def _clusters(groups: int) -> Iterator[dict[str, Any]]:
    for number, start in enumerate(range(0, groups, GROUPS_A_CLUSTER)):
        left = min(GROUPS_A_CLUSTER, groups - start)
        pools = [
            _pool(f"gpu-{first // len(ZONES)}", min(len(ZONES), left - first)) for first in range(0, left, len(ZONES))
        ]
        yield {"name": f"fleet-{number}", "location": REGION, "nodePools": pools}


def _pool(name: str, zones: int) -> dict[str, Any]:
    """One instance group a zone, without nodes."""
    return {"name": name, "machineType": "g2-standard-4", "zones": list(ZONES[:zones]), "nodesPerZone": 0}


def _environment(groups: int) -> dict[str, Any]:
    """All groups but the canary's in one wave, and no bake."""
    return {
        "name": NAME,
        "project": PROJECT,
        "mode": "act",
        "clusters": [{"name": each["name"], "location": REGION} for each in _clusters(groups)],
        "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
        "substitutions": {"kubeEnv": {"set": {"POOLWRIGHT_BENCH": "hello"}}},
        "rollout": {"waves": [1.0], "bakeSeconds": 0, "nodeReadySeconds": 60},
    }
