"""Whether boot images may be built and used: the organization's policy, and the images themselves.

A trusted-image policy leaves a project's own images alone; it is what they are built on that it may refuse
(https://cloud.google.com/compute/docs/images/restricting-image-access).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight
from poolwright.services.ports import Json, NodePool

if TYPE_CHECKING:
    from poolwright.environments import Environment

says = Says("image policy")
GKE_IMAGES = "gke-node-images"  # the project of the node images that GKE's templates name
_SECURE_BOOT = "UEFI_COMPATIBLE"  # https://cloud.google.com/compute/docs/images/create-custom#guest-os-features
_CUSTOM = "CUSTOM"


def check(sight: Sight) -> Iterator[Finding]:
    """The policy of each project, then the newest image of each environment, then pools of image type CUSTOM."""
    for name, fleet in sight.fleets.items():
        if isinstance(fleet.trusted_images, Unknown):
            yield says.unknown(name, fleet.trusted_images)
        else:
            ok = f"boot images may be built on those of {GKE_IMAGES}"
            yield from says.or_ok(_policy(name, fleet.trusted_images), name, ok)
    for environment in sight.environments:
        images = sight.images[environment.name]
        if isinstance(images, Unknown):
            yield says.unknown(environment.name, images)
        else:
            ok = f"its boot image {images[0]['name']} can be used" if images else "no boot image yet"
            yield from says.or_ok(_image(environment, images), environment.name, ok)
    for cluster in sight.clusters:
        yield from (_custom(pool) for pool in cluster.pools if pool.image_type == _CUSTOM)


def _policy(project: str, spec: Json) -> Iterator[Finding]:
    """`spec`: https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/organizations.policies#policyspec"""
    if not all(_allows(rule) for rule in spec.get("rules", [])):
        what = f"compute.trustedImageProjects does not allow images of {GKE_IMAGES}: no boot image can be built"
        todo = (
            f"Have whoever owns the policy allow projects/{GKE_IMAGES}: gcloud org-policies describe "
            f"compute.trustedImageProjects --effective --project {project}"
        )
        yield says.problem(project, what, todo)


def _allows(rule: Json) -> bool:
    values, names = rule.get("values", {}), {f"projects/{GKE_IMAGES}", f"is:projects/{GKE_IMAGES}"}
    if rule.get("denyAll") or not names.isdisjoint(values.get("deniedValues", [])):
        return False
    allowed = values.get("allowedValues", [])
    return not allowed or not names.isdisjoint(allowed)


def _image(environment: Environment, images: list[Json]) -> Iterator[Finding]:
    """The one that automation would take: the newest, or the pinned one."""
    read = [image for image in map(_read, images) if image is not None]
    wanted = [image for image in read if environment.run_id in (None, image.run_id)]
    todo = f"poolwright build --env {environment.name}"
    if images and not read:
        yield says.problem(environment.name, f"no image of family {environment.image_family} has our labels", todo)
    for image in wanted[:1]:
        for why in why_unusable(image, environment=environment.name):
            yield says.problem(environment.name, why, todo)
        if _SECURE_BOOT not in image.guest_os_features:
            what = f"{image.name} has no guest OS feature {_SECURE_BOOT}: shielded nodes with secure boot do not start"
            yield says.warning(environment.name, what, todo)


def _read(raw: Json) -> BootImage | None:
    try:
        return BootImage.read(raw)
    except ValueError:
        return None


def _custom(pool: NodePool) -> Finding:
    what = "its image type is CUSTOM, which GKE manages by rules of its own: poolwright swaps images under other types"
    return says.warning(f"{pool.ref.cluster.name}/{pool.ref.name}", what, "Use COS_CONTAINERD or UBUNTU_CONTAINERD")
