from typing import Any

import pytest

from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.outcomes import Refusal
from poolwright.boot_images.substitutions import (
    Substitutions,
)
from tests.unit.boot_images.examples import BASE, CANARY, KUBE_ENV, group, image, leaked, template
from tests.unit.boot_images.planning import mutated, plan


@pytest.mark.parametrize(
    ("kind", "says", "arguments"),
    [
        ("proactive", "PROACTIVE", {"raw_group": group(updatePolicy={"type": "PROACTIVE"})}),
        ("ambiguous", "2 versions", {"raw_group": group(versions=[*group()["versions"], {"instanceTemplate": "x"}])}),
        ("ambiguous", "is ours", {"gke": template(description=mutated().body.reveal()["description"])}),
        ("skew", BASE, {"boot_image": image(labels={"poolwright-source-image": "gke-1330-older"})}),
        ("architecture", "ARM64", {"boot_image": image(architecture="ARM64")}),
        ("too-small-disk", "100 GB", {"boot_image": image(diskSizeGb="101")}),
        ("unsupported", "PENDING", {"boot_image": image(status="PENDING")}),
        ("unsupported", "OBSOLETE", {"boot_image": image(deprecated={"state": "OBSOLETE"})}),
        ("unsupported", "family", {"boot_image": image(family="poolwright-production")}),
        ("unsupported", "TPU", {"gke": template(machineType="ct5lp-hightpu-4t")}),
        ("unsupported", "Windows", {"gke": template(metadata={"windows-startup-script-ps1": "x"})}),
        ("unsupported", "no boot disk", {"gke": template(disks=[])}),
        ("unsupported", "no kube-env", {"gke": template(metadata={"kube-env": None})}),
        ("unsupported", "no YAML", {"gke": template(metadata={"kube-env": f"A: {CANARY}: b"})}),
        ("unsupported", "262144", {"wanted": Substitutions(metadata={"big": "x" * 300_000})}),
        ("unsupported", "524288", {"wanted": Substitutions(metadata=dict.fromkeys("abc", "x" * 200000))}),
        (
            "confidential",
            "SEV_SNP",
            {"gke": template(confidentialInstanceConfig={"confidentialInstanceType": "SEV_SNP"})},
        ),
        (
            "unsupported",
            "UEFI_COMPATIBLE",
            {
                "gke": template(shieldedInstanceConfig={"enableSecureBoot": True}),
                "boot_image": image(guestOsFeatures=[]),
            },
        ),
        (
            "confidential",
            "TDX",
            {"gke": template(confidentialInstanceConfig={"confidentialInstanceType": "TDX"})},
        ),
        (
            "unsupported",
            "lacks GVNIC",
            {"gke": template(networkInterfaces=[{"network": "default", "nicType": "GVNIC"}])},
        ),
        ("excluded", "nvidia-l4", {"excluded": Exclusion(accelerators=("nvidia-l4",))}),
    ],
)
def test_what_cannot_work_is_refused_with_a_kind_and_a_sentence(
    kind: str, says: str, arguments: dict[str, Any]
) -> None:
    outcome = plan(**arguments)

    assert isinstance(outcome, Refusal)
    assert (outcome.kind, says in outcome.reason) == (kind, True), outcome
    assert outcome.reason.endswith(".")
    assert not leaked(outcome)


def test_a_group_that_replaces_its_nodes_by_itself_may_where_the_policy_is_to_replace_them() -> None:
    proactive = group(updatePolicy={"type": "PROACTIVE", "maxSurge": {"fixed": 1}})

    outcome = mutated(proactive, node_policy="replace")

    assert "updatePolicy" not in outcome.patch
    assert [note for note in outcome.notes if "PROACTIVE" in note]


@pytest.mark.parametrize(
    ("gke", "says"),
    [
        (template(), None),
        (template(metadata={"kube-env": f'NODE_LOCAL_SSDS_EPHEMERAL: "true"\n{KUBE_ENV}'}), "onto them when it boots"),
        (template(metadata={"kube-env": f'NODE_LOCAL_SSDS_EPHEMERAL: "false"\n{KUBE_ENV}'}), None),
        (template(metadata={"kube-labels": "cloud.google.com/gke-ephemeral-storage-local-ssd=true"}), "Local SSDs"),
        (template(metadata={"kube-labels": "cloud.google.com/gke-image-streaming=true"}), "may go unused"),
        (template(metadata={"kube-labels": "cloud.google.com/gke-gcfs=true"}), "Image streaming is on"),
        (template(metadata={"kube-labels": "cloud.google.com/gke-image-streaming=false"}), None),
    ],
)
def test_what_makes_pre_loaded_containers_dear_or_useless_is_noted_and_not_refused(
    gke: dict[str, Any], says: str | None
) -> None:
    notes = mutated(gke=gke).notes

    assert len(notes) == (says is not None)
    assert all(says in note and note.endswith(".") for note in notes if says)


def test_a_confidential_pool_takes_an_image_made_for_it_and_the_smallest_disk_that_fits_will_do() -> None:
    gke = template(
        confidentialInstanceConfig={"enableConfidentialCompute": True},
        shieldedInstanceConfig={"enableSecureBoot": True},
    )

    assert mutated(gke=gke, boot_image=image(diskSizeGb="100"))
