"""Which boot image an environment is on, and which of its groups a person or a failed gate has taken off it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage
from poolwright.services.ports import Conflict, Json, Missing, Ports, Stored

if TYPE_CHECKING:
    from poolwright.environments import Environment

COLLECTION = "environments"
FACTS = (
    "selfLink", "name", "labels", "family", "architecture", "diskSizeGb", "status", "deprecated", "guestOsFeatures",
)  # fmt: skip


@dataclass(frozen=True)
class Released:
    """`run_id` 0: no rollout has ended well yet. `held`: group -> why it stays on GKE's own template."""

    run_id: int
    image: str
    held: Mapping[str, str]


def read(ports: Ports, environment: Environment) -> Released:
    """What the store says; an empty store holds everything still until the next rollout."""
    stored = ports.store.get(COLLECTION, environment.name)
    body = stored.body if stored else {}
    return Released(run_id=body.get("runId", 0), image=body.get("image", ""), held=body.get("held", {}))


def release(ports: Ports, environment: str, *, run_id: int, image: str, groups: Iterable[str]) -> None:
    """A rollout ended well: this is the image now, and its groups are held no longer."""
    freed = set(groups)
    while True:
        stored = ports.store.get(COLLECTION, environment)
        body = stored.body if stored else {}
        held = {group: why for group, why in body.get("held", {}).items() if group not in freed}
        if _written(ports, environment, {"runId": run_id, "image": image, "held": held}, stored):
            return


def hold(ports: Ports, environment: str, *, groups: Iterable[str], why: str) -> None:
    """Groups were rolled back: they stay there until a later rollout takes them. One write, however many they are."""
    fresh = dict.fromkeys(groups, why)
    while fresh:
        stored = ports.store.get(COLLECTION, environment)
        body: Json = stored.body if stored else {"runId": 0, "image": ""}
        held = body.get("held", {}) | fresh
        if body.get("held", {}) == held or _written(ports, environment, body | {"held": held}, stored):
            return


def image(ports: Ports, environment: Environment, name: str) -> BootImage | None:
    """The image by name, None where it is gone."""
    found = facts(ports, environment, name)
    return None if found is None else BootImage.read(found)


def facts(ports: Ports, environment: Environment, name: str) -> Json | None:
    """What `BootImage.read` needs of the image of this name, as Compute shows it; None where it is gone."""
    try:
        raw = ports.compute.image(environment.project, name)
    except Missing:
        return None
    return {key: raw[key] for key in FACTS if key in raw}


def _written(ports: Ports, key: str, body: Json, stored: Stored | None) -> bool:
    version = stored.version if stored else None
    try:
        ports.store.put(COLLECTION, key, body, version=version)
    except Conflict:
        return False
    return True
