"""A group with two masters is worked on by neither of ours, and both are told."""

from __future__ import annotations

from typing import Any

import pytest

from poolwright.capacity.provisioner import LABEL
from poolwright.references import PoolRef
from tests.chaos.flows.world import CLUSTER, groups, scale, table
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import PROVISIONERS, Begin, asked, change, condition, look, provisioner
from tests.services.capacity.test_scale_down import begin_a_drain, closed

Json = dict[str, Any]


def pool(flow: Flow) -> Json:
    """GKE's own pool l4, to be changed as somebody else does."""
    found: Json = table(flow, "gke.nodePools")[f"{CLUSTER}/nodePools/l4"]
    return found


def autoscale(flow: Flow, **said: bool) -> None:
    flow.there(lambda: pool(flow).setdefault("autoscaling", {}).update({"enabled": True, "maxNodeCount": 9, **said}))


def label_for(flow: Flow, name: str) -> None:
    flow.there(lambda: pool(flow)["config"]["labels"].update({LABEL: name}))


def second_provisioner(flow: Flow, *, with_zone: bool) -> None:
    (found,) = groups(flow, PoolRef(CLUSTER, "l4"))
    name = f"us-central1-a/{found['name']}" if with_zone else found["name"]
    body = {
        "apiVersion": "compute.poolwright.dev/v1alpha1",
        "kind": "NodeProvisioner",
        "metadata": {"name": "second"},
        "spec": {"existingInstanceGroupNames": [name], "maxNodes": 9},
    }
    flow.there(lambda: flow.kubernetes(CLUSTER).create(PROVISIONERS, body))


def refused(flow: Flow, what: str, *, name: str = "l4") -> None:
    """Its condition says so, and it asks for nothing though pods wait."""
    flow.there(lambda: scale(flow, "chat", replicas=5))
    look(flow, times=6)
    found = condition_of(flow, name)
    assert (found["status"], found["reason"]) == ("False", "SecondMaster")
    assert what in found["message"]
    assert not asked(flow, "CreateInstances")


def condition_of(flow: Flow, name: str) -> Json:
    found = flow.there(lambda: flow.kubernetes(CLUSTER).get(PROVISIONERS, name))
    ready: Json = next(each for each in found["status"]["conditions"] if each["type"] == "Ready")
    return ready


def test_a_pool_with_gkes_autoscaling_is_refused_until_it_is_off(begin: Begin) -> None:
    flow = begin()
    autoscale(flow)
    refused(flow, "--no-enable-autoscaling")
    autoscale(flow, enabled=False)
    look(flow, times=4)
    assert condition(flow)["status"] == "True"
    assert asked(flow, "CreateInstances")


def test_a_pool_that_auto_provisioning_made_is_refused(begin: Begin) -> None:
    flow = begin()
    autoscale(flow, autoprovisioned=True)
    refused(flow, "--no-enable-autoprovisioning")


def test_a_pool_that_is_labelled_for_somebody_else_is_refused(begin: Begin) -> None:
    flow = begin()
    label_for(flow, "training")
    refused(flow, "NodeProvisioner training")


@pytest.mark.parametrize("with_zone", [False, True])
def test_two_provisioners_of_one_group_are_both_refused_and_told_of_each_other(begin: Begin, with_zone: bool) -> None:
    flow = begin()
    second_provisioner(flow, with_zone=with_zone)
    refused(flow, "NodeProvisioner second names the instance group")
    refused(flow, "NodeProvisioner l4 names the instance group", name="second")
    flow.there(lambda: flow.kubernetes(CLUSTER).delete(PROVISIONERS, "second"))
    look(flow, times=4)
    assert condition(flow)["status"] == "True"


def test_a_second_master_ends_what_is_in_hand(begin: Begin) -> None:
    flow, _ = begin_a_drain(begin)
    autoscale(flow)
    look(flow, times=3)
    assert not closed(flow)


def test_a_pool_without_the_label_works_and_the_condition_says_so(begin: Begin) -> None:
    flow = begin()
    flow.there(lambda: pool(flow)["config"]["labels"].pop(LABEL))
    look(flow, times=2)
    assert condition(flow)["status"] == "True"
    assert f"Without the label {LABEL}: node pool l4." in condition(flow)["message"]


def test_who_else_is_master_costs_one_list_of_provisioners_a_step(begin: Begin) -> None:
    flow = begin()
    look(flow, times=2)
    flow.stack.world.calls.clear()
    change(flow, {"maxNodes": 5})
    assert provisioner(flow)["spec"]["maxNodes"] == 5
    look(flow)
    lists = [each for each in flow.stack.world.calls if each.method == "nodeprovisioners.get"]
    assert len(lists) == 2, "one of the tick, one of the step"
