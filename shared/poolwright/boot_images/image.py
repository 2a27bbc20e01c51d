"""A boot image: a Compute image whose labels and family say what it is good for.

Labels (lower-case letters, digits, `_`, `-`; 63 characters):

    poolwright-environment    dev
    poolwright-run-id         42
    poolwright-source-image   gke-1335-gke1308000-cos-121-18867-199-88-c-pre    the name; an image's fits a label
    poolwright-gke-version    1-33-5-gke-1308000

The source image is in a label because packer makes the image from a disk, so that Compute keeps no `sourceImage`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from poolwright.references import last_part

ENVIRONMENT = "poolwright-environment"
RUN_ID = "poolwright-run-id"
SOURCE_IMAGE = "poolwright-source-image"
GKE_VERSION = "poolwright-gke-version"

_LABEL = re.compile(r"[a-z0-9_-]{0,63}\Z")
_RUN_ID = re.compile(r"[0-9]{1,18}\Z")


@dataclass(frozen=True, kw_only=True)
class BootImage:
    """What one image is. `source_image` and `name` are names, `link` is a full URL, sizes are in GB,
    `deprecated` is `deprecated.state` of the API, empty while it is none."""

    link: str
    name: str
    environment: str
    run_id: int
    source_image: str
    gke_version: str
    family: str
    architecture: str
    disk_size_gb: int
    status: str
    deprecated: str
    guest_os_features: frozenset[str]

    @classmethod
    def read(cls, raw: dict[str, Any]) -> BootImage:
        """From the API's JSON (https://cloud.google.com/compute/docs/reference/rest/v1/images).

        ValueError where a label is missing or wrong: then it is no boot image of ours.
        """
        labels = raw.get("labels") or {}
        for label in (ENVIRONMENT, RUN_ID, SOURCE_IMAGE):
            if not labels.get(label):
                raise ValueError(f"image {raw.get('name')} has no label {label}; images that poolwright builds do")
        if not _RUN_ID.match(run_id := labels[RUN_ID]):
            raise ValueError(
                f"image {raw.get('name')} has {RUN_ID}={run_id!r}; an unsigned integer of 18 digits at most"
            )
        return cls(
            link=raw["selfLink"],
            name=raw["name"],
            environment=labels[ENVIRONMENT],
            run_id=int(run_id),
            source_image=labels[SOURCE_IMAGE],
            gke_version=labels.get(GKE_VERSION, ""),
            family=raw.get("family") or "",
            architecture=raw.get("architecture") or "X86_64",
            disk_size_gb=int(raw.get("diskSizeGb") or 0),
            status=raw.get("status") or "",
            deprecated=(raw.get("deprecated") or {}).get("state") or "",
            guest_os_features=frozenset(feature["type"] for feature in raw.get("guestOsFeatures") or []),
        )


def family(environment: str) -> str:
    """The image family of an environment."""
    return f"poolwright-{environment}"


def labels(*, environment: str, run_id: int, source_image: str, gke_version: str) -> dict[str, str]:
    """The labels a build puts on its image. ValueError where one cannot be a label's value."""
    wanted = {
        ENVIRONMENT: environment,
        RUN_ID: str(run_id),
        SOURCE_IMAGE: last_part(source_image),
        GKE_VERSION: gke_version.lower().replace(".", "-").replace("+", "-"),
    }
    for label, value in wanted.items():
        if not _LABEL.match(value):
            raise ValueError(f"{label}={value!r} is no label value: lower-case letters, digits, _ and -, 63 at most")
    return wanted


def why_unusable(image: BootImage, *, environment: str, run_id: int | None = None) -> tuple[str, ...]:
    """Why an image cannot be rolled out in an environment, as sentences; none when it can."""
    problems = []
    if image.status != "READY":
        problems.append(f"Image {image.name} is {image.status or 'of unknown status'}, not READY.")
    if image.deprecated in ("OBSOLETE", "DELETED"):
        problems.append(f"Image {image.name} is {image.deprecated}.")
    if image.environment != environment:
        problems.append(f"Image {image.name} was built for {image.environment}, not for {environment}.")
    if image.family != family(environment):
        problems.append(f"Image {image.name} is of family {image.family or 'none'}, not {family(environment)}.")
    if run_id is not None and image.run_id != run_id:
        problems.append(f"Image {image.name} carries run id {image.run_id}, not {run_id}.")
    if image.disk_size_gb <= 0:
        problems.append(f"Image {image.name} says nothing of its disk size.")
    return tuple(problems)
