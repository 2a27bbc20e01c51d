"""How long things take, in the world's seconds. A world or a test changes them in the table `cloudBuild.timings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.world import World

BOOT_IMAGE_TAG = "boot-image"


@dataclass(frozen=True)
class Timings:
    """`queue`: until a build starts; `step`: each step; `boot_image`: packer's step of a boot-image build."""

    queue: float = 5.0
    step: float = 15.0
    boot_image: float = 600.0
    finish: float = 1.0


def timings(world: World) -> Timings:
    """What is in force."""
    return Timings(**world.table("cloudBuild.timings"))


def makes_image(build: dict[str, Any], index: int) -> bool:
    """Whether a step leaves the boot image behind: `packer build`, or without one the last step."""
    if BOOT_IMAGE_TAG not in build.get("tags", []):
        return False
    steps = build["steps"]
    packer = [
        number
        for number, step in enumerate(steps)
        if "packer" in step["name"].rpartition("/")[2] and "build" in step.get("args", [])
    ]
    return bool(index == (packer[-1] if packer else len(steps) - 1))


def step_seconds(world: World, build: dict[str, Any], index: int) -> float:
    """How long a step runs."""
    in_force = timings(world)
    return in_force.boot_image if makes_image(build, index) else in_force.step
