"""Builds that a world wants to fail: the table `cloudBuild.failing`.

Each entry, under any name: `{"tag": "boot-image", "substitutions": {"_RUN_ID": "43"}, "step": 1, "exitCode": 1,
"status": "FAILURE", "times": 2}`. `tag` and `substitutions` choose the builds (none: every build), `step` the step
that fails (default: the last), `status` may also be TIMEOUT or INTERNAL_ERROR, `times` how many builds (default: all).
"""

from __future__ import annotations

from typing import Any

from localcloud.world import World


def failure_of(world: World, build: dict[str, Any], step: int) -> dict[str, Any] | None:
    """The entry that makes this step of this build fail, counted down; None where it goes well."""
    for entry in world.table("cloudBuild.failing").values():
        if entry.get("times", 1) <= 0 or not _chosen(entry, build):
            continue
        if range(len(build["steps"]))[entry.get("step", -1)] == step:
            if "times" in entry:
                entry["times"] -= 1
            return dict(entry)
    return None


def _chosen(entry: dict[str, Any], build: dict[str, Any]) -> bool:
    values = build.get("substitutions", {})
    return ("tag" not in entry or entry["tag"] in build.get("tags", [])) and all(
        values.get(key) == value for key, value in entry.get("substitutions", {}).items()
    )
