import copy
import json
import traceback

import msgspec
import pytest

from poolwright.boot_images import provenance
from poolwright.boot_images.outcomes import Refusal
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.boot_images.substitutions import (
    Substitutions,
)
from tests.unit.boot_images.examples import CANARY, KUBE_ENV, SECRET_KEYS, group, image, leaked, template
from tests.unit.boot_images.planning import GKE, mutated, plan


def test_the_copy_boots_our_image_and_is_gkes_in_everything_else() -> None:
    outcome = mutated(wanted=Substitutions())
    expected = copy.deepcopy(template())
    for field in ("kind", "id", "creationTimestamp", "selfLink"):
        del expected[field]
    properties = expected["properties"]
    for field in ("kind", "index", "licenses"):
        del properties["disks"][0][field]
    properties["disks"][0]["initializeParams"]["sourceImage"] = image()["selfLink"]
    del properties["networkInterfaces"][0]["kind"], properties["networkInterfaces"][0]["name"]
    del properties["networkInterfaces"][0]["accessConfigs"][0]["kind"], properties["tags"]["fingerprint"]
    del properties["metadata"]["kind"], properties["metadata"]["fingerprint"]
    expected |= {"name": outcome.name, "description": outcome.body.reveal()["description"]}

    assert outcome.body.reveal() == expected
    assert provenance.read(expected["description"]) == provenance.Provenance(
        environment="dev", run_id=42, image=image()["selfLink"], gke_template=GKE
    )


def test_the_inputs_are_left_as_they_were() -> None:
    raw_group, gke, boot_image = group(), template(), image()

    plan(raw_group, gke, boot_image=boot_image)

    assert (raw_group, gke, boot_image) == (group(), template(), image())


def test_the_patch_names_the_template_twice_under_the_fingerprint_and_leaves_the_update_policy_alone() -> None:
    outcome = mutated()
    link = f"projects/acme-gpu/global/instanceTemplates/{outcome.name}"

    assert outcome.link == link
    assert outcome.patch == {
        "instanceTemplate": link,
        "versions": [{"instanceTemplate": link}],
        "fingerprint": "kfdsuH",
    }
    assert outcome.region is None


def test_the_name_of_the_groups_version_is_kept() -> None:
    named = [{"instanceTemplate": "global/instanceTemplates/x", "name": "stable", "targetSize": {"calculated": 3}}]

    outcome = mutated(group(versions=named))

    assert outcome.patch["versions"] == [{"instanceTemplate": outcome.link, "name": "stable"}]


def test_an_arm_pool_is_known_by_what_its_nodes_are_told_and_else_by_its_machine_family() -> None:
    told = template(metadata={"kube-env": KUBE_ENV.replace("arch=amd64", "arch=arm64")})
    untold = template(machineType="c4a-standard-8", metadata={"kube-env": KUBE_ENV.replace("arch=amd64;", "")})

    for gke in (told, untold):
        assert isinstance(plan(gke=gke), Refusal)
        assert mutated(gke=gke, boot_image=image(architecture="ARM64"))


def test_a_regional_template_is_answered_with_a_regional_one() -> None:
    gke = template() | {
        "region": "https://www.googleapis.com/compute/v1/projects/acme-gpu/regions/us-central1",
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/acme-gpu/regions/us-central1/instanceTemplates/{GKE}",
    }

    outcome = mutated(gke=gke)

    assert outcome.region == "us-central1"
    assert outcome.link == f"projects/acme-gpu/regions/us-central1/instanceTemplates/{outcome.name}"
    assert "region" not in outcome.body.reveal()


def test_a_group_whose_fields_disagree_is_set_right() -> None:
    name = mutated().name
    half_done = group(name) | {"versions": group()["versions"]}

    assert mutated(half_done).name == name


def test_no_secret_is_in_anything_a_plan_prints() -> None:
    rotated = template(
        "gke-serving-l4-00000000",
        metadata={"kube-env": KUBE_ENV.replace("KUBELET_KEY: ", "KUBELET_KEY: x"), "configure-sh": CANARY},
    )
    outcome = mutated(current=rotated)

    assert outcome.changes
    assert {change.key for change in outcome.changes} >= {"kube-env KUBELET_KEY", "metadata configure-sh", "boot image"}
    for thing in (outcome, outcome.body, outcome.patch, *outcome.changes, InstanceTemplate(template())):
        assert not leaked(thing)
    assert outcome.body.reveal() != {}
    assert CANARY in json.dumps(outcome.body.reveal()), "the canary was planted"


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_no_secret_is_in_what_is_raised(key: str) -> None:
    wanted = Substitutions(kube_env=msgspec.convert({"append": {key: ["a=b"]}}, type(Substitutions().kube_env)))

    outcome = plan(wanted=wanted)

    assert isinstance(outcome, Refusal)
    assert not leaked(outcome)
    with pytest.raises(Exception) as raised:
        plan(gke={**template(), "properties": {**template()["properties"], "metadata": {"items": [{"value": CANARY}]}}})
    assert CANARY not in "".join(traceback.format_exception(raised.value))
