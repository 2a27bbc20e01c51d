"""An environment's boot images as Compute has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.boot_images.mutation import run_id_of
from poolwright.references import last_part
from poolwright.services import fleet, released, runs
from poolwright.services.ports import Ports
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment


class Seen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A boot image. `created` as the API says it (RFC 3339); `problems`: why it cannot be rolled out, none: it can;
    `groups`: how many instance groups point at a template of this run; `released`: the one that drift goes back to."""

    run_id: int
    name: str
    source_image: str
    gke_version: str
    architecture: str
    disk_size_gb: int
    status: str
    created: str
    problems: tuple[str, ...]
    groups: int
    released: bool
    pinned: bool


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """Newest run first."""

    environment: str
    images: tuple[Seen, ...]


def listed(ports: Ports, environment: Environment) -> Images:
    """Every boot image of the environment's family. Weather."""
    current = released.read(ports, environment)
    in_use = [
        run_id_of(last_part(member.group.templates[0]))
        for member in fleet.look(ports, environment).members()
        if member.group and member.group.templates
    ]
    in_vain = runs.in_vain(ports, environment.name)
    found = [
        Seen(
            run_id=image.run_id,
            name=image.name,
            source_image=image.source_image,
            gke_version=image.gke_version,
            architecture=image.architecture,
            disk_size_gb=image.disk_size_gb,
            status=image.status,
            created=created,
            problems=_problems(environment, image, in_vain),
            groups=in_use.count(image.run_id),
            released=image.name == current.image,
            pinned=image.run_id == environment.run_id,
        )
        for image, created in _read(ports, environment)
    ]
    newest_first = sorted(found, key=lambda each: each.run_id, reverse=True)
    return Images(environment=environment.name, images=tuple(newest_first))


def of_run(ports: Ports, environment: Environment, run_id: int | None) -> BootImage:
    """The image of the run, or of the pinned one, or the newest. Refused where there is none, or it is not usable."""
    images = [image for image, _ in _read(ports, environment)]
    asked = environment.run_id if run_id is None else run_id
    in_vain = runs.in_vain(ports, environment.name)
    wanted = [image for image in images if image.run_id == asked or (asked is None and image.run_id not in in_vain)]
    if not wanted:
        which = "" if asked is None else f" of run {asked}"
        have = ", ".join(str(image.run_id) for image in sorted(images, key=lambda each: each.run_id))
        remedy = f"Use one of the runs that have one: {have}" if have else "Build one first, and wait until it is ready"
        raise Refused("runId", f"{environment.name} has no boot image{which}", remedy)
    image = max(wanted, key=lambda each: each.run_id)
    if problems := _problems(environment, image, in_vain):
        raise Refused("runId", " ".join(problems).rstrip("."), "Build the image again, or use another run")
    return image


def _problems(environment: Environment, image: BootImage, in_vain: Mapping[int, str]) -> tuple[str, ...]:
    """Why an image is not rolled out: what it is, and what became of its run."""
    unusable = why_unusable(image, environment=environment.name)
    return (*unusable, in_vain[image.run_id]) if image.run_id in in_vain else unusable


def _read(ports: Ports, environment: Environment) -> list[tuple[BootImage, str]]:
    found = []
    for raw in ports.compute.images(environment.project, family=environment.image_family):
        try:
            found.append((BootImage.read(raw), str(raw.get("creationTimestamp") or "")))
        except ValueError:  # somebody else's image in our family; `rollout start` leaves it out too
            continue
    return found
