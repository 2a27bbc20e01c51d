"""Whether boot images may be built and used: the organization's policy, and the images themselves.

A trusted-image policy leaves a project's own images alone; it is what they are built on that it may refuse
(https://cloud.google.com/compute/docs/images/restricting-image-access).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.services.doctor import expected, permissions
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import ClusterSeen, Sight
from poolwright.services.ports import Json

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
        yield from says.or_ok(_readable(sight, name), name, "instance groups may read its images")
    for environment in sight.environments:
        images = sight.images[environment.name]
        if isinstance(images, Unknown):
            yield says.unknown(environment.name, images)
        else:
            ok = f"its boot image {images[0]['name']} can be used" if images else "no boot image yet"
            yield from says.or_ok(_image(environment, images), environment.name, ok)
    for cluster in sight.clusters:
        if not isinstance(cluster.gke, Unknown):
            yield from says.or_ok(_types(cluster), cluster.ref.name, _offered(cluster))


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


def _readable(sight: Sight, project: str) -> Iterator[Finding]:
    """Google's agent makes the VMs of a group; without the right the group fails later, and quietly
    (https://cloud.google.com/compute/docs/access/service-accounts#google_apis_service_agent)."""
    number, policy = sight.projects[project].number, sight.projects[project].policy
    if isinstance(number, Unknown) or isinstance(policy, Unknown):
        return  # which other checks say
    agent = expected.APIS_AGENT.format(number)
    roles = set(permissions.roles_of(policy, agent))
    if not roles:
        todo = f"gcloud projects add-iam-policy-binding {project} --member serviceAccount:{agent} --role roles/editor"
        yield says.problem(project, f"{agent} has no role: no instance group can make a VM", todo)
    elif permissions.READ_IMAGES.isdisjoint(roles):
        why = f"{agent} has {', '.join(sorted(roles))}; whether it may read boot images is not known here"
        yield says.unknown(project, Unknown(why, "It needs compute.images.useReadOnly"))


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


def _types(cluster: ClusterSeen) -> Iterator[Finding]:
    for pool in cluster.pools:
        if pool.image_type == _CUSTOM:
            what = "its image type is CUSTOM, whose images GKE manages by rules of its own; ours go under other types"
            todo = "Give it COS_CONTAINERD or UBUNTU_CONTAINERD, and poolwright swaps the image under that"
            yield says.warning(f"{cluster.ref.name}/{pool.ref.name}", what, todo)
    if isinstance(cluster.image_types, Unknown):
        yield says.unknown(cluster.ref.name, cluster.image_types)


def _offered(cluster: ClusterSeen) -> str:
    """Who gets image type CUSTOM is not documented; nothing here needs it."""
    types = cluster.image_types
    offered = not isinstance(types, Unknown) and _CUSTOM in types
    return f"no node pool has image type {_CUSTOM}, which GKE {'offers' if offered else 'does not offer'} here"
