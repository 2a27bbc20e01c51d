"""Groups that have nothing to give: the next one is asked, and the dry one again later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from localcloud.faults import Fault
from poolwright.services import leases
from poolwright.services.memory import load
from tests.chaos.flows.world import CLUSTER, scale, table
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import (
    Begin,
    asked,
    condition,
    group_of,
    look,
    members,
    records,
    status,
    stock,
)

Json = dict[str, Any]
KEY = f"{CLUSTER}/nodeProvisioners/l4"
A, B = "us-central1-a", "us-central1-b"


def wait_for(flow: Flow, *, replicas: int) -> None:
    """So many pods want a GPU."""
    flow.there(lambda: scale(flow, "chat", replicas=replicas))


def dry_until(flow: Flow, pool: str) -> float:
    """When a pool's group is asked again as its status says, 0 where it is not dry."""
    (group,) = [each for each in status(flow)["groups"] if each["name"] == group_of(flow, pool)]
    text = group.get("stockedOutUntil")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def tries(flow: Flow, pool: str) -> int:
    """How often in a row the group was dry."""
    dry = load(flow.ports, KEY).dry.get(group_of(flow, pool))
    return dry.tries if dry else 0


def test_the_next_group_gives_what_the_first_one_does_not_have(begin: Begin) -> None:
    flow = begin()
    stock(flow, A, 3)
    wait_for(flow, replicas=5)
    flow.until(lambda: len(members(flow, "spare")) == 2, what="the rest in the second group")
    flow.pass_time(600)
    assert (len(members(flow, "l4")), len(members(flow, "spare"))) == (3, 2)
    assert f"2 nodes did not come in {group_of(flow, 'l4')}" in records(flow)
    assert status(flow)["observed"]["pendingGPUs"] == 0


def test_a_dry_group_is_left_alone_for_longer_each_time_and_the_status_says_until_when(begin: Begin) -> None:
    flow = begin()
    stock(flow, A, 2)
    stock(flow, B, 0)
    wait_for(flow, replicas=3)
    waits = []
    for number in (1, 2, 3):
        flow.until(lambda number=number: tries(flow, "l4") == number, what=f"try {number}")  # type: ignore[misc]
        look(flow)
        waits.append(load(flow.ports, KEY).dry[group_of(flow, "l4")].until - flow.now())
    assert 30 < waits[0] <= 60 < waits[1] <= 120 < waits[2] <= 240
    flow.until(lambda: dry_until(flow, "spare") > flow.now() and dry_until(flow, "l4") > flow.now(), what="both dry")
    assert condition(flow)["reason"] == "Holding"
    assert "asked again at" in condition(flow)["message"]
    assert all("asked again at" in group["refusal"] for group in status(flow)["groups"])


def test_a_group_that_has_stock_again_is_asked_again_and_is_dry_no_more(begin: Begin) -> None:
    flow = begin()
    stock(flow, A, 2)
    stock(flow, B, 0)
    wait_for(flow, replicas=3)
    flow.until(lambda: tries(flow, "l4") == 2, what="the second try")
    stock(flow, A, 12)
    flow.until(lambda: len(members(flow, "l4")) == 3, what="a third node")
    flow.until(lambda: tries(flow, "l4") == 0, what="a group that is dry no more")
    look(flow)
    assert dry_until(flow, "l4") == 0.0


def test_members_that_cannot_be_made_are_cancelled_whoever_asked_for_them(begin: Begin) -> None:
    flow = begin()
    stock(flow, A, 2)
    name = group_of(flow, "l4")
    flow.there(lambda: flow.stack.compute.resize(A, name, 4))
    wait_for(flow, replicas=3)
    flow.until(lambda: len(members(flow, "l4")) == 2, what="no members that cannot be made")
    (call,) = asked(flow, "DeleteInstances")
    assert call.code == 200
    what = f"2 nodes that cannot be made in {name}"
    assert {f"to cancel {what}", f"cancelled {what}"} < set(records(flow))
    flow.until(lambda: len(members(flow, "spare")) == 1, what="a node in the second group")


def test_members_are_not_cancelled_while_somebody_has_the_group_in_hand(begin: Begin) -> None:
    flow = begin()
    stock(flow, A, 2)
    name = group_of(flow, "l4")
    place = f"projects/chaos-gpu/zones/{A}/instanceGroupManagers/{name}"
    leases.take(flow.ports, f"group/{place}", holder="chaos-7", seconds=600)
    flow.there(lambda: flow.stack.compute.resize(A, name, 3))
    flow.pass_time(580)
    assert len(members(flow, "l4")) == 3
    assert asked(flow, "DeleteInstances") == []
    flow.until(lambda: len(members(flow, "l4")) == 2, what="no member that cannot be made")


def test_a_quota_that_is_used_up_is_a_dry_group_too(begin: Begin) -> None:
    flow = begin()
    table(flow, "compute.quotas")["us-central1"] = {"NVIDIA_L4_GPUS": 2}
    wait_for(flow, replicas=3)
    flow.until(lambda: len(members(flow, "spare")) == 1, what="a node in the second group")
    assert "QUOTA" in load(flow.ports, KEY).dry[group_of(flow, "l4")].why


def test_while_a_rollout_has_the_first_group_the_second_one_grows(begin: Begin) -> None:
    flow = begin()
    place = f"projects/chaos-gpu/zones/{A}/instanceGroupManagers/{group_of(flow, 'l4')}"
    leases.take(flow.ports, f"group/{place}", holder="chaos-7", seconds=600)
    wait_for(flow, replicas=2)
    wait_for(flow, replicas=3)
    look(flow, times=6)
    assert (len(members(flow, "l4")), len(members(flow, "spare"))) == (2, 1)
    assert "chaos-7" in status(flow)["groups"][0]["refusal"]


def test_a_group_that_refuses_the_request_is_left_alone_and_the_next_one_is_asked(begin: Begin) -> None:
    flow = begin()
    faults = flow.stack.world.faults
    fault = Fault("instance_group_managers.CreateInstances", "PERMISSION_DENIED", "forbidden", times=1)
    flow.there(lambda: faults.add(fault))
    wait_for(flow, replicas=3)
    flow.until(lambda: len(members(flow, "spare")) == 1, what="a node in the second group")
    flow.there(faults.clear)
    assert (len(members(flow, "l4")), tries(flow, "l4")) == (2, 1)
    assert f"was refused 1 nodes in {group_of(flow, 'l4')}" in records(flow)
