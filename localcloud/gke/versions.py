"""Versions of Kubernetes that GKE offers, and the node image behind each.

Node images are named `gke-<minor and patch>-gke<build>-cos-<milestone>-<build>-c-pre`, without dots
(https://cloud.google.com/kubernetes-engine/docs/how-to/node-images; names as instances of GKE show them).
"""

from __future__ import annotations

from localcloud.gke.refusals import invalid

# Newest first; the first of a minor version is its latest.
OFFERED = (
    "1.35.1-gke.1396004",
    "1.34.3-gke.1444000",
    "1.34.1-gke.1829001",
    "1.33.5-gke.1308000",
    "1.33.5-gke.1080000",
    "1.32.9-gke.1207000",
)
DEFAULT = "1.33.5-gke.1080000"
CHANNELS = {
    "RAPID": "1.35.1-gke.1396004",
    "REGULAR": "1.33.5-gke.1080000",
    "STABLE": "1.33.5-gke.1080000",
    "EXTENDED": "1.33.5-gke.1080000",
}
IMAGE_TYPES = ("COS_CONTAINERD", "UBUNTU_CONTAINERD", "WINDOWS_LTSC_CONTAINERD", "CUSTOM_CONTAINERD", "CUSTOM")
DEFAULT_IMAGE_TYPE = "COS_CONTAINERD"

_COS = {
    "1.35": "cos-125-19216-104-126",
    "1.34": "cos-125-19216-104-26",
    "1.33": "cos-121-18867-199-88",
    "1.32": "cos-117-18613-339-89",
}
_UBUNTU = {"1.32": "ubuntu-2204-jammy-v20251014"}


def resolve(wanted: str, *, default: str = DEFAULT, what: str = "Node version") -> str:
    """The version meant by `latest`, `-`, `1.34`, `1.34.1`, a full one or nothing. 400 for one that is not offered."""
    if wanted in ("", "-"):
        return default
    if wanted == "latest":
        return OFFERED[0]
    for version in OFFERED:
        if wanted == version or version.startswith((f"{wanted}.", f"{wanted}-")):
            return version
    raise invalid(f'{what} "{wanted}" is unsupported.')


def key(version: str) -> tuple[int, ...]:
    """For comparing versions."""
    return tuple(int(part) for part in version.replace("-gke", "").split("."))


def minor(version: str) -> str:
    """`1.33` of `1.33.5-gke.1080000`."""
    return ".".join(version.split(".")[:2])


def image_name(version: str, image_type: str) -> str:
    """The node image of a version, as projects/gke-node-images names it."""
    patch, _, build = version.partition("-gke.")
    start = f"gke-{patch.replace('.', '')}-gke{build}"
    if image_type.startswith("UBUNTU"):
        return f"{start}-{_UBUNTU.get(minor(version), 'ubuntu-2404-noble-v20251014')}-pre"
    return f"{start}-{_COS.get(minor(version), 'cos-121-18867-199-88')}-c-pre"


def image_path(version: str, image_type: str) -> str:
    """The same as a Compute path."""
    project = "ubuntu-os-gke-cloud" if image_type.startswith("UBUNTU") else "gke-node-images"
    return f"projects/{project}/global/images/{image_name(version, image_type)}"


def os_image(version: str, image_type: str) -> str:
    """What a node says it runs."""
    if image_type.startswith("UBUNTU"):
        return "Ubuntu 24.04.3 LTS"
    return "Container-Optimized OS from Google"
