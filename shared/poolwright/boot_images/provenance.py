"""Where a template of ours came from, as JSON in its description.

    {"poolwright": 1, "environment": "dev", "runId": 42, "image": "...", "gkeTemplate": "gke-serving-l4-31a27d4b"}

An instance template has no labels of its own (`properties.labels` are the VMs'), so the description it is.
"""

from __future__ import annotations

import msgspec

from poolwright.boot_images.resources import InstanceTemplate


class Provenance(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """`image` is the boot image's self link, `gke_template` the name of the template that was copied."""

    poolwright: int = 1
    environment: str
    run_id: int
    image: str
    gke_template: str

    def render(self) -> str:
        """The description's text."""
        return msgspec.json.encode(self).decode()


def read(description: str) -> Provenance | None:
    """What the description says, or None where it is no provenance of ours (of any version)."""
    try:
        found = msgspec.json.decode(description, type=Provenance)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if '"poolwright"' in description else None


def is_ours(template: InstanceTemplate) -> bool:
    """Whether poolwright made this template."""
    return read(template.description) is not None
