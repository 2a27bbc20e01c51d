"""Whether an image is the one that a run was to make. The build's word is not enough: labels can be anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.builds.run import Run
from poolwright.builds.source import why_unexpected
from poolwright.references import last_part

if TYPE_CHECKING:
    from poolwright.environments import Environment


def problems(
    image: BootImage, *, environment: Environment, run: Run, made: float, build_began: float
) -> tuple[str, ...]:
    """Why the image is not used, as sentences; none where it is the run's.

    `made` and `build_began` are when the image and the build came to be, in seconds since the epoch: what is older
    than the build is not of it.
    """
    found = list(why_unusable(image, environment=environment.name, run_id=run.run_id))
    if made < build_began:
        found.append(f"Image {image.name} is older than the build that is said to have made it.")
    if run.source_image and image.source_image != (source := last_part(run.source_image)):
        found.append(f"Image {image.name} says it was built on {image.source_image}, the build was of {source}.")
    if why := why_unexpected(environment.source_image, image.source_image, environment=environment.name):
        found.append(why)
    if run.gke_version and image.gke_version != (version := _label(run.gke_version)):
        found.append(f"Image {image.name} is labelled GKE version {image.gke_version or 'none'}, not {version}.")
    if run.architecture and image.architecture != run.architecture:
        found.append(f"Image {image.name} is for {image.architecture}, not for {run.architecture}.")
    if run.disk_size_gb and image.disk_size_gb != run.disk_size_gb:
        found.append(f"Image {image.name} has {image.disk_size_gb} GB, not {run.disk_size_gb} GB.")
    return tuple(found)


def of_substitutions(environment: str, run_id: int, values: Mapping[str, str], *, image: str) -> Run:
    """The run of a build that nobody here asked for, by what it was told."""
    size = values.get("_DISK_SIZE_GB", "")
    return Run(
        environment=environment,
        run_id=run_id,
        state="submitted",
        source_image=values.get("_SOURCE_IMAGE", ""),
        image=values.get("_IMAGE_NAME") or image,
        gke_version=values.get("_GKE_VERSION", ""),
        architecture=values.get("_ARCHITECTURE", ""),
        disk_size_gb=int(size[:9]) if size.isascii() and size.isdigit() else 0,
    )


def _label(version: str) -> str:
    """A version as its label has it."""
    return version.lower().replace(".", "-").replace("+", "-")
