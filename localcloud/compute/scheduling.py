"""Scheduling: what Google fills in, and how long a VM may run."""

from __future__ import annotations

from typing import Any


def completed(asked: dict[str, Any], *, terminates: bool = False) -> dict[str, Any]:
    """A Scheduling body with Google's defaults; `terminates`: the machine cannot migrate (it has GPUs)."""
    spot = bool(asked.get("provisioningModel") == "SPOT" or asked.get("preemptible"))
    defaults = {
        "automaticRestart": not spot,
        "onHostMaintenance": "TERMINATE" if spot or terminates else "MIGRATE",
        "provisioningModel": "SPOT" if spot else "STANDARD",
    }
    forced = {"preemptible": spot} | ({"automaticRestart": False} if spot else {})
    return defaults | asked | forced


def run_seconds(instance: dict[str, Any]) -> float | None:
    """How long the instance may run, or None."""
    duration = instance["scheduling"].get("maxRunDuration")
    return float(duration.get("seconds", 0)) if duration else None
