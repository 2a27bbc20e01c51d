"""Which templates of ours and which boot images nothing names any more."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from poolwright.boot_images.image import BootImage
from poolwright.boot_images.provenance import read
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.references import last_part

Json = dict[str, Any]


@dataclass(frozen=True)
class Unnamed:
    """A template or boot image that may go; `why` in words, `made` as Compute says when."""

    kind: Literal["template", "boot image"]
    name: str
    link: str
    made: str
    why: str


def templates(
    brief: Collection[Json],
    *,
    groups: Collection[Json],
    environment: str,
    kept: Collection[str],
    kept_runs: Collection[int],
) -> list[Unnamed]:
    """Templates of this environment that no group points at, and of none of the runs that are still wanted; oldest
    first. `brief`: all templates, of each name, description, time and link; `kept`: names of those that a group is
    about to be put on."""
    named = set(kept) | {last_part(template) for group in groups for template in _of_group(group)}
    found = []
    for template in map(InstanceTemplate, brief):
        origin = read(template.description)
        if origin is None or origin.environment != environment or origin.run_id in kept_runs:
            continue
        if template.name not in named:
            made, link = str(template.raw.get("creationTimestamp")), template.raw["selfLink"]
            found.append(Unnamed("template", template.name, link, made, "no group and no member is made from it"))
    return sorted(found, key=lambda each: (each.made, each.link))


def runs(raws: Collection[Json], brief: Collection[Json], *, environment: str) -> set[int]:
    """The runs of this environment of which there is a boot image (`raws`) or a template of ours (`brief`)."""
    origins = (read(InstanceTemplate(raw).description) for raw in brief)
    of_templates = {each.run_id for each in origins if each is not None and each.environment == environment}
    return of_templates | {image.run_id for image, _ in _boot_images(raws, environment)}


def images(
    raws: Collection[Json],
    *,
    templates: Collection[Json],
    disks: Collection[Json],
    environment: str,
    kept: Collection[str],
    kept_run: int | None,
    newest: int,
) -> list[Unnamed]:
    """Boot images of this environment beyond the `newest` runs that nothing names; oldest run first. `templates` and
    `disks`: all of the project, with the images that they name; `kept`: names of images that are wanted; `kept_run`:
    the run that the environment is pinned to."""
    ours = sorted(_boot_images(raws, environment), key=lambda each: each[0].run_id, reverse=True)
    named = set(kept) | {last_part(link) for link in _named(templates, disks)}
    return [
        Unnamed("boot image", image.name, image.link, made, f"no template, disk or rollout names run {image.run_id}")
        for image, made in reversed(ours[newest:])
        if image.name not in named and image.run_id != kept_run
    ]


def _of_group(raw: Json) -> tuple[str, ...]:
    """Whatever the group names: what its `versions` override too."""
    return (*InstanceGroup(raw).templates, str(raw.get("instanceTemplate") or ""))


def _boot_images(raws: Collection[Json], environment: str) -> Iterator[tuple[BootImage, str]]:
    for raw in raws:
        try:
            image = BootImage.read(raw)
        except ValueError:
            continue  # none of ours
        if image.environment == environment:
            yield image, str(raw.get("creationTimestamp"))


def _named(templates: Collection[Json], disks: Collection[Json]) -> Iterator[str]:
    for template in templates:
        for disk in (template.get("properties") or {}).get("disks") or []:
            yield str((disk.get("initializeParams") or {}).get("sourceImage") or "")
    for disk in disks:
        yield str(disk.get("sourceImage") or "")
