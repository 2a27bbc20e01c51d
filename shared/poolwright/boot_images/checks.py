"""What must be true before a group may boot an image: checked before, because the group would fail later, quietly."""

from __future__ import annotations

from typing import Literal

from poolwright.boot_images import conflicts
from poolwright.boot_images.conflicts import LARGEST_ITEM
from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.boot_images.outcomes import Refusal
from poolwright.boot_images.provenance import is_ours
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.boot_images.substitutions import Substitutions
from poolwright.references import last_part

NodePolicy = Literal["new-nodes-only", "replace"]

# https://cloud.google.com/confidential-computing/confidential-vm/docs/create-custom-confidential-vm-images
_CONFIDENTIAL_FEATURE = {"SEV": "SEV_CAPABLE", "SEV_SNP": "SEV_SNP_CAPABLE", "TDX": "TDX_CAPABLE"}
# https://cloud.google.com/compute/docs/networking/using-gvnic#requirements
_NETWORK_FEATURES = frozenset({"GVNIC", "IDPF"})
_ALL_VALUES = 512 * 1024  # bytes: .../compute/docs/metadata/setting-custom-metadata#limitations


def refusal(
    *,
    group: InstanceGroup,
    gke_template: InstanceTemplate,
    image: BootImage,
    substitutions: Substitutions,
    excluded: Exclusion,
    node_policy: NodePolicy,
) -> Refusal | None:
    """The first reason not to touch the group, None where there is none."""
    if rule := excluded.excluded_by(gke_template):
        return Refusal("excluded", f"{group.name} is left alone: {rule}.")
    return (
        proactive(group, node_policy)
        or _of_group(group, gke_template)
        or _of_kind(gke_template, substitutions)
        or _of_image(gke_template, image)
    )


def proactive(group: InstanceGroup, node_policy: NodePolicy) -> Refusal | None:
    """The refusal of a group that would replace its running nodes by itself, which only `replace` allows."""
    if group.update_type != "PROACTIVE" or node_policy == "replace":
        return None
    return Refusal(
        "proactive",
        f"{group.name} has update type PROACTIVE, so a new template would replace its nodes at once; "
        "make it OPPORTUNISTIC first, or allow rollout.nodePolicy to replace nodes.",
    )


def too_big(template: InstanceTemplate) -> Refusal | None:
    """Metadata beyond Compute's limits."""
    sizes = {key: len(value.encode()) for key, value in template.metadata.items()}
    for key, size in sizes.items():
        if size > LARGEST_ITEM:
            return Refusal("unsupported", f"Metadata item {key} would have {size} bytes, more than {LARGEST_ITEM}.")
    if sum(sizes.values()) > _ALL_VALUES:
        return Refusal("unsupported", f"Metadata would have {sum(sizes.values())} bytes, more than {_ALL_VALUES}.")
    return None


def _of_group(group: InstanceGroup, gke_template: InstanceTemplate) -> Refusal | None:
    if len(group.templates) > 1:
        return Refusal(
            "ambiguous",
            f"{group.name} has {len(group.templates)} versions at once: somebody is trying a template out in it.",
        )
    if is_ours(gke_template):
        return Refusal("ambiguous", f"{gke_template.name} is ours; a copy is made from GKE's own template only.")
    return None


def _of_kind(template: InstanceTemplate, substitutions: Substitutions) -> Refusal | None:
    labels = template.node_labels
    if "cloud.google.com/gke-tpu-accelerator" in labels or template.machine_type.startswith(("ct", "tpu")):
        return Refusal("unsupported", f"{template.name} is of a TPU pool; those are not supported.")
    if "windows-startup-script-ps1" in template.metadata or labels.get("kubernetes.io/os") == "windows":
        return Refusal("unsupported", f"{template.name} is of a Windows pool; those are not supported.")
    if not template.source_image:
        return Refusal("unsupported", f"{template.name} has no boot disk that is made from an image.")
    if problems := conflicts.problems(substitutions):
        return Refusal("unsupported", " ".join(sentence for _, sentence in problems))
    return None


def _of_image(template: InstanceTemplate, image: BootImage) -> Refusal | None:
    if problems := why_unusable(image, environment=image.environment):
        return Refusal("unsupported", " ".join(problems))
    if (base := last_part(template.source_image)) != image.source_image:
        return Refusal(
            "skew",
            f"{image.name} was built on {image.source_image}, and GKE's {template.name} boots {base}; "
            f"build an image on {base}.",
        )
    if template.architecture != image.architecture:
        return Refusal(
            "architecture",
            f"{image.name} is for {image.architecture}, {template.machine_type} is {template.architecture}.",
        )
    size = ((template.boot_disk or {}).get("initializeParams") or {}).get("diskSizeGb")
    if size is not None and int(size) < image.disk_size_gb:
        return Refusal(
            "too-small-disk",
            f"{template.name} has a boot disk of {size} GB, and {image.name} needs {image.disk_size_gb} GB.",
        )
    return _of_guest(template, image)


def _of_guest(template: InstanceTemplate, image: BootImage) -> Refusal | None:
    confidential = template.properties.get("confidentialInstanceConfig") or {}
    if confidential.get("enableConfidentialCompute") or confidential.get("confidentialInstanceType"):
        technology = confidential.get("confidentialInstanceType") or "SEV"
        needed = _CONFIDENTIAL_FEATURE.get(technology, f"{technology}_CAPABLE")
        if needed not in image.guest_os_features:
            return Refusal(
                "confidential",
                f"{template.name} makes confidential VMs ({technology}), and {image.name} lacks {needed}.",
            )
    shielded = template.properties.get("shieldedInstanceConfig") or {}
    if shielded.get("enableSecureBoot") and "UEFI_COMPATIBLE" not in image.guest_os_features:
        return Refusal("unsupported", f"{template.name} has secure boot on, and {image.name} lacks UEFI_COMPATIBLE.")
    for interface in template.properties.get("networkInterfaces") or []:
        nic = interface.get("nicType")
        if nic in _NETWORK_FEATURES and nic not in image.guest_os_features:
            return Refusal("unsupported", f"{template.name} has {nic} interfaces, and {image.name} lacks {nic}.")
    return None
