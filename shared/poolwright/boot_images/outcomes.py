"""What planning a change of an instance group can come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from poolwright.boot_images.changes import Change
from poolwright.secret import Secret

Kind = Literal[
    "skew", "excluded", "unsupported", "proactive", "ambiguous", "too-small-disk", "architecture", "confidential"
]


@dataclass(frozen=True)
class Refusal:
    """A group that is left as it is; `reason` is a sentence for people."""

    kind: Kind
    reason: str


@dataclass(frozen=True)
class AlreadyRight:
    """The group points at the template that it should point at: nothing is written."""

    group: str
    template: str
    reason: str


@dataclass(frozen=True)
class Mutation:
    """A template of ours to insert, and the patch that points the group at it.

    `name` derives from the content, so a template that exists already under this name is this template.
    `region` is the region to insert it in, None for a global template. `link` is its partial URL, and `patch` the body
    of the group's patch, fingerprint included
    (https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/patch). `notes`: what a person should
    know beforehand, as sentences.
    """

    group: str
    name: str
    region: str | None
    body: Secret[dict[str, Any]]
    link: str
    patch: dict[str, Any]
    current_template: str
    gke_template: str
    image: str
    run_id: int
    changes: tuple[Change, ...]
    reason: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollback:
    """The patch that points the group back at GKE's own template."""

    group: str
    link: str
    patch: dict[str, Any]
    current_template: str
    reason: str
