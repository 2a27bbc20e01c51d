"""How much an update disturbs a member: nothing, a refresh or restart in place, or a new VM."""

from __future__ import annotations

from localcloud.compute.resources import Resource

LEVELS = ("NONE", "REFRESH", "RESTART", "REPLACE")
# What can change while a VM lives on.
LIGHT = {"metadata", "labels"}


def worse(one: str, other: str) -> bool:
    """Whether `one` disturbs more than `other`."""
    return LEVELS.index(one) > LEVELS.index(other)


def needed(old: Resource | None, new: Resource | None) -> str:
    """What it takes to bring a member from one template to another (None: a template that is gone)."""
    if old is None or new is None:
        return "REPLACE"
    before, after = old["properties"], new["properties"]
    if before == after:
        return "NONE"
    heavy = (before.keys() | after.keys()) - LIGHT
    return "REFRESH" if all(before.get(key) == after.get(key) for key in heavy) else "REPLACE"


def action(required: str, *, least: str, most: str) -> str | None:
    """What is done, or None where more is required than is allowed."""
    chosen = least if worse(least, required) else required
    return None if worse(chosen, most) else chosen
