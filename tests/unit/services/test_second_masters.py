"""Who else decides how large a group is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from poolwright.capacity.provisioner import LABEL, Provisioner, decode
from poolwright.services.ports import Cluster, NodePool
from poolwright.services.second_masters import notes, refusal
from tests.unit.services.conftest import cluster

SERVING = cluster("acme", uid="u", zones=("us-central1-a", "us-central1-b"))
(POOL,) = SERVING.pools
FIRST, SECOND = (group.name for group in POOL.groups)


def body(name: str, *groups: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"existingInstanceGroupNames": list(groups), "maxNodes": 4}}


def provisioner(*groups: str, name: str = "l4") -> Provisioner:
    return decode(body(name, *groups))


def with_pool(**said: Any) -> Cluster:
    return replace(SERVING, pools=(replace(POOL, **said), other_pool()))


def other_pool() -> NodePool:
    (pool,) = cluster("acme", uid="u", pool="h100").pools
    return replace(pool, autoscaling=True)


def test_a_group_that_nobody_else_has_is_fine_whatever_becomes_of_others() -> None:
    assert not refusal(provisioner(FIRST), with_pool(), [body("l4", FIRST), body("h100", SECOND)])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"autoscaling": True}, "GKE's autoscaling is on for node pool l4"),
        ({"autoscaling": True, "autoprovisioned": True}, "node auto-provisioning made node pool l4"),
        ({"labels": {LABEL: "training"}}, "labelled for NodeProvisioner training"),
    ],
)
def test_another_master_of_the_pool_is_named_with_what_to_do(said: dict[str, Any], reason: str) -> None:
    told = refusal(provisioner(FIRST), with_pool(**said), [])
    assert reason in told
    assert "gcloud container node-pools update l4 --cluster serving --location us-central1" in told or "label" in told


@pytest.mark.parametrize("mine", [FIRST, f"us-central1-a/{FIRST}"])
@pytest.mark.parametrize("theirs", [FIRST, f"us-central1-a/{FIRST}"])
def test_two_provisioners_that_name_one_group_are_both_told_of_the_other(mine: str, theirs: str) -> None:
    everybody = [body("l4", mine), body("l4-too", SECOND, theirs)]
    assert "NodeProvisioner l4-too names the instance group" in refusal(provisioner(mine), SERVING, everybody)
    other = provisioner(SECOND, theirs, name="l4-too")
    assert "NodeProvisioner l4 names the instance group" in refusal(other, SERVING, everybody)


def test_a_name_in_another_zone_is_another_group() -> None:
    assert not refusal(provisioner(FIRST), SERVING, [body("l4", FIRST), body("other", f"us-central1-b/{FIRST}")])


@pytest.mark.parametrize("spec", [None, {}, {"existingInstanceGroupNames": "all"}, {"existingInstanceGroupNames": [7]}])
def test_a_provisioner_without_usable_names_is_no_master(spec: Any) -> None:
    assert not refusal(provisioner(FIRST), SERVING, [{"metadata": {"name": "broken"}, "spec": spec}])


def test_all_other_masters_are_named_at_once() -> None:
    told = refusal(provisioner(FIRST), with_pool(autoscaling=True), [body("a", FIRST), body("b", FIRST)])
    assert [each in told for each in ("autoscaling", "NodeProvisioner a ", "NodeProvisioner b ")] == [True] * 3


def test_a_pool_without_the_label_is_noted_and_works() -> None:
    assert "node pool l4" in notes(provisioner(FIRST), SERVING)[0]
    assert not refusal(provisioner(FIRST), SERVING, [])
    assert not notes(provisioner(FIRST), with_pool(labels={LABEL: "l4"}))
