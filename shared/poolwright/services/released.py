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


def hold(ports: Ports, environment: str, *, group: str, why: str) -> None:
    """A group was rolled back: it stays there until a later rollout takes it."""
    while True:
        stored = ports.store.get(COLLECTION, environment)
        body: Json = stored.body if stored else {"runId": 0, "image": ""}
        held = body.get("held", {}) | {group: why}
        if body.get("held", {}) == held or _written(ports, environment, body | {"held": held}, stored):
            return


def image(ports: Ports, environment: Environment, name: str) -> BootImage | None:
    """The image by name, None where it is gone."""
    try:
        return BootImage.read(ports.compute.image(environment.project, name))
    except Missing:
        return None


def _written(ports: Ports, key: str, body: Json, stored: Stored | None) -> bool:
    version = stored.version if stored else None
    try:
        ports.store.put(COLLECTION, key, body, version=version)
    except Conflict:
        return False
    return True
