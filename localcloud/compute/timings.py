"""How long things take in the world's seconds; the table `compute.timings` overrides each by its name."""

from __future__ import annotations

from localcloud.world import World

DEFAULTS: dict[str, float] = {
    "operation": 3.0,  # a short operation: template, patch, labels
    "attempt": 4.0,  # from a member's creation to the answer of the zone's stock
    "provision": 12.0,  # PROVISIONING
    "stage": 15.0,  # STAGING
    "stop": 25.0,  # STOPPING
    "retry": 60.0,  # between two tries of a member in CREATING
    "image": 60.0,  # making an image from a disk
    "disk": 4.0,  # making a disk
}


def seconds(world: World, name: str) -> float:
    """How long `name` takes."""
    return float(world.table("compute.timings").get(name, DEFAULTS[name]))
