from typing import Any

import msgspec
import pytest

from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.resources import InstanceTemplate
from tests.unit.boot_images.examples import template

A100: dict[str, Any] = {
    "guestAccelerators": [{"acceleratorType": "projects/p/zones/z/acceleratorTypes/nvidia-tesla-a100"}]
}


@pytest.mark.parametrize(
    "properties",
    [
        A100,
        {"machineType": "a2-highgpu-1g", "guestAccelerators": []},
        {"machineType": "a2-ultragpu-8g", "guestAccelerators": []},
        {"metadata": {"kube-labels": "cloud.google.com/gke-accelerator=nvidia-a100-80gb"}},
    ],
    ids=["attached", "A2", "A2 ultra", "labelled"],
)
def test_a100s_are_excluded_by_default(properties: dict[str, Any]) -> None:
    reason = Exclusion().excluded_by(InstanceTemplate(template(**properties)))

    assert reason is not None and "a100" in reason


def test_other_pools_are_not() -> None:
    assert Exclusion().excluded_by(InstanceTemplate(template())) is None


def test_an_environment_that_excludes_nothing_reaches_a100s_too() -> None:
    assert Exclusion(accelerators=()).excluded_by(InstanceTemplate(template(**A100))) is None


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"machineFamilies": ["g2"]}, "machine family g2 is excluded"),
        ({"pools": ["l4"]}, "pool l4 is excluded"),
        ({"labels": {"team": "ml"}}, "label team=ml is excluded"),
        ({"pools": ["l4-spot"], "labels": {"team": "other"}, "machineFamilies": ["g"]}, None),
    ],
)
def test_a_rule_says_which_it_was(rule: dict[str, Any], reason: str | None) -> None:
    assert msgspec.convert(rule, Exclusion).excluded_by(InstanceTemplate(template())) == reason


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="zones"):
        msgspec.convert({"zones": []}, Exclusion)


def test_a_pool_is_judged_the_same_by_what_gke_says_of_it() -> None:
    facts: dict[str, Any] = {"pool": "p", "machine_type": "g2-standard-8", "labels": {}}

    assert (
        Exclusion().excludes(accelerators=["nvidia-a100-80gb"], **facts) == "accelerator nvidia-a100-80gb is excluded"
    )
    assert Exclusion().excludes(accelerators=["nvidia-l4"], **facts) is None
