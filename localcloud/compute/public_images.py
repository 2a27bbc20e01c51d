"""Google's public images: their projects are everybody's to read, and a few of their families are here to boot from."""

from __future__ import annotations

PROJECTS = (
    "centos-cloud", "cos-cloud", "debian-cloud", "deeplearning-platform-release", "fedora-coreos-cloud",
    "gke-node-images", "opensuse-cloud", "oracle-linux-cloud", "rhel-cloud", "rhel-sap-cloud",
    "rocky-linux-accelerator-cloud", "rocky-linux-cloud", "suse-cloud", "suse-sap-cloud",
    "ubuntu-os-accelerator-images", "ubuntu-os-cloud", "ubuntu-os-gke-cloud", "ubuntu-os-pro-cloud",
    "windows-cloud", "windows-sql-cloud",
)  # fmt: skip
FEATURES = ("UEFI_COMPATIBLE", "VIRTIO_SCSI_MULTIQUEUE", "GVNIC", "SEV_CAPABLE")
# project, name, family, architecture
IMAGES = (
    ("cos-cloud", "cos-stable-117-18613-263-14", "cos-stable", "X86_64"),
    ("cos-cloud", "cos-arm64-stable-117-18613-263-14", "cos-arm64-stable", "ARM64"),
    ("debian-cloud", "debian-12-bookworm-v20250610", "debian-12", "X86_64"),
    ("debian-cloud", "debian-12-bookworm-arm64-v20250610", "debian-12-arm64", "ARM64"),
    ("ubuntu-os-cloud", "ubuntu-2204-jammy-v20250610", "ubuntu-2204-lts", "X86_64"),
    ("ubuntu-os-cloud", "ubuntu-2404-noble-amd64-v20250610", "ubuntu-2404-lts-amd64", "X86_64"),
)


def public_images() -> list[tuple[str, dict[str, object]]]:
    """(project, Image body)."""
    return [
        (
            project,
            {
                "name": name,
                "family": family,
                "architecture": architecture,
                "diskSizeGb": "10",
                "guestOsFeatures": [{"type": each} for each in FEATURES],
            },
        )
        for project, name, family, architecture in IMAGES
    ]
