"""The environment file of the demo, derived from the world that is played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from localcloud.plan import Plan

NAME = "demo"
BAKE_SECONDS = 2.0  # suits a person who watches


def write(world: Plan, folder: Path, *, bake_seconds: float = BAKE_SECONDS, webhook: str = "") -> Path:
    """Every cluster of the world, acting at once; the folder. `webhook`: the variable with the URL of a chat's."""
    folder.mkdir(parents=True, exist_ok=True)
    environment: dict[str, Any] = {
        "name": NAME,
        "project": world.project,
        "mode": "act",
        "clusters": [{"name": each.name, "location": each.location} for each in world.clusters if not each.autopilot],
        "buildServiceAccount": builder(world.project),
        "exclude": {"accelerators": ["nvidia-tesla-a100", "nvidia-a100-80gb"]},
        "substitutions": {"kubeEnv": {"set": {"POOLWRIGHT_DEMO": "hello"}}},
        "rollout": {"waves": [0.5, 1.0], "bakeSeconds": bake_seconds, "nodeReadySeconds": 60, "canaryNode": True},
        "capacity": {"maxAgeSeconds": 300},
    }
    if webhook:
        environment["notifications"] = {"webhookVariable": webhook, "kinds": ["rollout"]}
    path = folder / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump(environment, sort_keys=False), "utf-8")
    return folder


def builder(project: str) -> str:
    """The identity that builds boot images."""
    return f"image-builder@{project}.iam.gserviceaccount.com"
