"""How long things take, in the world's seconds. A world or a test changes them in the table `cloudBuild.timings`."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.world import World

BOOT_IMAGE_TAG = "boot-image"


@dataclass(frozen=True)
class Timings:
    """`queue`: until a build starts; `step`: each step; `boot_image`: the last step of a boot-image build (packer)."""

    queue: float = 5.0
    step: float = 15.0
    boot_image: float = 600.0
    finish: float = 1.0


def timings(world: World) -> Timings:
    """What is in force."""
    return Timings(**world.table("cloudBuild.timings"))


def step_seconds(world: World, build: dict[str, object], index: int) -> float:
    """How long a step runs."""
    steps, tags = build["steps"], build.get("tags", [])
    in_force = timings(world)
    last = isinstance(steps, list) and index == len(steps) - 1
    return in_force.boot_image if last and isinstance(tags, list) and BOOT_IMAGE_TAG in tags else in_force.step
