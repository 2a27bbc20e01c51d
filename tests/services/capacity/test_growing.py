"""Capacity is added: for whom, how much, where, and once only."""

from __future__ import annotations

import copy
from collections.abc import Awaitable
from typing import Any, cast

import pytest

from localcloud.dispatch import Call
from tests.chaos.flows.world import CLUSTER, PROJECT, keep_busy, scale, table
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import (
    Begin,
    asked,
    change,
    condition,
    group_of,
    look,
    members,
    records,
    status,
    stock,
)

Json = dict[str, Any]
BOTH = ("l4", "spare")


def sizes(flow: Flow) -> tuple[int, ...]:
    """Members of each of the provisioner's groups."""
    return tuple(len(members(flow, pool)) for pool in BOTH)


def put_pod(flow: Flow, name: str, *, gpus: int = 1, **spec: Any) -> None:
    """A pod that waits for GPUs, unless its spec says otherwise."""
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}}
    container = {"name": "main", "image": "i", "resources": resources}
    body = {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}
    flow.there(lambda: flow.kubernetes(CLUSTER).create("pods", body, "default"))


def test_pods_that_wait_for_gpus_get_nodes_once(begin: Begin) -> None:
    flow = begin()
    flow.there(lambda: scale(flow, "chat", replicas=5))
    look(flow, times=8)
    assert sizes(flow) == (5, 0)
    assert len(asked(flow, "CreateInstances")) == 1
    assert records(flow) == [
        "to ask for 3 nodes in " + group_of(flow, "l4"),
        "asked for 3 nodes in " + group_of(flow, "l4"),
    ]


def test_nodes_whose_gpus_come_late_are_not_bought_twice(begin: Begin) -> None:
    flow = begin()
    table(flow, "gke.timings")["gpuStock"] = 700.0
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=30)
    assert sizes(flow) == (4, 0)
    assert (status(flow)["observed"]["onTheWay"], status(flow)["observed"]["ready"]) == (2, 2)
    flow.pass_time(900)
    assert sizes(flow) == (4, 0)
    assert (status(flow)["observed"]["onTheWay"], status(flow)["observed"]["ready"]) == (0, 4)


def test_nodes_that_never_get_gpus_are_replaced_by_others_in_the_end(begin: Begin) -> None:
    flow = begin()
    table(flow, "gke.timings")["gpuStock"] = 1e6
    flow.there(lambda: scale(flow, "chat", replicas=3))
    flow.pass_time(300)
    table(flow, "gke.timings").pop("gpuStock")
    flow.pass_time(500)
    assert sizes(flow) == (3, 0)
    flow.until(lambda: status(flow)["observed"]["ready"] == 3, what="a node with GPUs")
    assert sizes(flow) == (4, 0)


def test_what_somebody_else_has_asked_the_group_for_is_on_its_way_too(begin: Begin) -> None:
    flow = begin()
    name = group_of(flow, "l4")
    flow.there(lambda: flow.stack.compute.resize("us-central1-a", name, 4))
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=8)
    assert (sizes(flow), asked(flow, "CreateInstances")) == ((4, 0), [])


def test_what_a_resize_request_still_owes_is_on_its_way(begin: Begin) -> None:
    flow = begin()
    stock(flow, "us-central1-a", 3)
    request(flow, "later", more=2)
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=8)
    assert (sizes(flow), asked(flow, "CreateInstances")) == ((2, 0), [])
    assert (status(flow)["observed"]["nodes"], status(flow)["observed"]["onTheWay"]) == (4, 2)
    stock(flow, "us-central1-a", 12)
    flow.until(lambda: status(flow)["observed"]["ready"] == 4, what="what was requested")
    assert asked(flow, "CreateInstances") == []


def request(flow: Flow, name: str, *, more: int) -> None:
    """Somebody asks the group for more members, all at once or not yet."""
    api = flow.stack.compute.api()
    method = "instance_group_manager_resize_requests.Insert"
    params = {
        "project": PROJECT,
        "zone": "us-central1-a",
        "instanceGroupManager": group_of(flow, "l4"),
        "instanceGroupManagerResizeRequestResource": {"name": name, "resizeBy": more},
    }
    call = Call(method=api.methods[method], params=params, raw_body=copy.deepcopy(params))

    async def ask() -> None:
        await cast("Awaitable[Any]", api.handlers[method](call))

    flow.ground.loop.run(ask())


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"team": "others"}},
        {"nodeSelector": {"kubernetes.io/hostname": "n"}},
        {"schedulingGates": [{"name": "not-yet"}]},
        {"gpus": 2},
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {
                                        "key": "cloud.google.com/gke-accelerator",
                                        "operator": "NotIn",
                                        "values": ["nvidia-l4"],
                                    }
                                ]
                            }
                        ]
                    }
                }
            }
        },
    ],
    ids=["of others", "of one node", "gated", "too large", "of other GPUs"],
)
def test_a_pod_that_no_new_node_would_serve_gets_none(begin: Begin, spec: Json) -> None:
    flow = begin()
    flow.there(lambda: scale(flow, "chat", replicas=2))
    put_pod(flow, "stranger", **spec)
    look(flow, times=6)
    assert (sizes(flow), asked(flow, "CreateInstances")) == ((2, 0), [])
    assert status(flow)["observed"]["pendingGPUs"] == 0


def test_a_pod_that_only_one_group_serves_gets_a_node_there(begin: Begin) -> None:
    flow = begin()
    flow.there(lambda: scale(flow, "chat", replicas=2))
    put_pod(flow, "cheap", nodeSelector={"cloud.google.com/gke-spot": "true"})
    look(flow, times=8)
    assert sizes(flow) == (2, 1)


def test_busy_gpus_get_company(begin: Begin) -> None:
    flow = begin({"maxGPUUtilizationPercent": 80})
    flow.there(lambda: scale(flow, "chat", replicas=2))
    flow.there(lambda: keep_busy(flow, "chat", percent=95))
    flow.until(lambda: sizes(flow) == (3, 0), what="a third node")


def test_no_metric_serves_pods_that_wait_and_takes_nothing_away(begin: Begin) -> None:
    flow = begin(
        {"minGPUUtilizationPercent": 50, "cooldowns": {"scaleDownSeconds": 0}},
        capacity={"dutyCycleMetric": "custom.googleapis.com/nobody/writes"},
    )
    flow.pass_time(600)
    assert sizes(flow) == (2, 0)
    assert "gpuUtilizationPercent" not in status(flow)["observed"]
    flow.there(lambda: scale(flow, "chat", replicas=3))
    look(flow, times=8)
    assert sizes(flow) == (3, 0)


def test_the_cheapest_group_grows_first_where_price_is_the_order(begin: Begin) -> None:
    flow = begin()
    prices = {group_of(flow, "l4"): 1.3, group_of(flow, "spare"): 0.4}
    change(flow, {"order": "price", "pricePerNodeHour": prices})
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=8)
    assert sizes(flow) == (2, 2)


def test_a_group_that_takes_no_named_instances_is_passed_over(begin: Begin) -> None:
    flow = begin()
    name = group_of(flow, "l4")
    policy = {"updatePolicy": {"type": "PROACTIVE"}}
    flow.there(lambda: flow.stack.compute.patch_instance_group_manager("us-central1-a", name, policy))
    flow.there(lambda: scale(flow, "chat", replicas=3))
    look(flow, times=8)
    assert sizes(flow) == (2, 1)
    (first, _) = status(flow)["groups"]
    assert "PROACTIVE" in first["refusal"]


def test_a_group_may_be_named_with_its_zone_and_one_that_is_not_there_is_refused(begin: Begin) -> None:
    flow = begin()
    change(flow, {"existingInstanceGroupNames": [f"us-central1-b/{group_of(flow, 'spare')}"]})
    flow.there(lambda: scale(flow, "chat", replicas=3))
    look(flow, times=8)
    assert (sizes(flow), condition(flow)["status"]) == ((2, 1), "True")
    change(flow, {"existingInstanceGroupNames": [f"us-central1-a/{group_of(flow, 'spare')}"]})
    look(flow)
    assert (condition(flow)["status"], condition(flow)["reason"]) == ("False", "Refused")
    assert "correct existingInstanceGroupNames" in condition(flow)["message"]


def test_in_mode_offer_the_status_says_what_would_be_done_and_nothing_is(begin: Begin) -> None:
    flow = begin({"mode": "offer"})
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=4)
    assert (sizes(flow), asked(flow, "CreateInstances")) == ((2, 0), [])
    decision = status(flow)["lastDecision"]
    assert (decision["action"], decision["target"], status(flow)["mode"]) == ("Grow", 4, "offer")
    assert records(flow)[0] == f"would add 2 nodes to {group_of(flow, 'l4')}"
