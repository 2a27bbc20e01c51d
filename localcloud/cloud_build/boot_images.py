"""What a boot-image build leaves behind: a READY image in Compute, as packer would have made it."""

from __future__ import annotations

import re
from typing import Any, Protocol

from localcloud.world import World

_COPIED = ("guestOsFeatures", "licenses", "shieldedInstanceInitialState")


class Compute(Protocol):
    """What this part needs of Compute."""

    def insert_image(self, body: dict[str, Any], *, project: str | None = None) -> Any:
        """A new READY image. Raises GoogleError as the API would."""


def image_body(world: World, build: dict[str, Any]) -> dict[str, Any]:
    """The image of a build, by its substitutions."""
    values = build.get("substitutions", {})
    env, run_id = values.get("_ENV", "dev"), values.get("_RUN_ID", "0")
    source = values.get("_SOURCE_IMAGE", "")
    labels = {
        "poolwright-environment": _label(env),
        "poolwright-run-id": _label(run_id),
        "poolwright-source-image": _label(source.rpartition("/")[2]),
        "poolwright-gke-version": _label(values.get("_GKE_VERSION", "")),
    }
    known = _known_image(world, source)
    body: dict[str, Any] = {
        "name": values.get("_IMAGE_NAME") or f"poolwright-{env}-{run_id}",
        "family": f"poolwright-{env}",
        "description": f"Boot image {run_id} of {env}, built by Cloud Build {build['id']}.",
        "labels": {name: value for name, value in labels.items() if value},
        "diskSizeGb": values.get("_DISK_SIZE_GB") or known.get("diskSizeGb") or "100",
        "architecture": values.get("_ARCHITECTURE") or known.get("architecture") or "X86_64",
    }
    body |= {name: known[name] for name in _COPIED if name in known}
    if "selfLink" in known:
        body["sourceImage"] = known["selfLink"]
    return body


def _known_image(world: World, source: str) -> dict[str, Any]:
    """The source image, where the world has it; by any link or by its bare name."""
    path = source.partition("/projects/")[2]
    wanted = f"projects/{path}" if path else source
    for key, image in world.table("compute.images").items():
        if source and (key == wanted or ("/" not in wanted and key.endswith(f"/images/{wanted}"))):
            return dict(image)
    return {}


def _label(value: str) -> str:
    """A value as a label may have it."""
    return re.sub(r"[^a-z0-9_-]", "-", value.lower())[:63]
