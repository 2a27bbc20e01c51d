"""Resize requests: all members at once or not yet, for as long as asked."""

from __future__ import annotations

import pytest
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud

GROUP = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers/pool"
PATH = f"{GROUP}/resizeRequests"


@pytest.fixture
def scarce(cloud: Cloud) -> Cloud:
    """A group of one in a zone with room for two."""
    cloud.world.table("compute.stock")[ZONE] = {"e2-medium": 2}
    cloud.group("pool", 1)
    cloud.advance(300)
    return cloud


def state(cloud: Cloud, name: str = "r1") -> str:
    client = cloud.client(compute_v1.InstanceGroupManagerResizeRequestsClient)
    return str(client.get(instance_group_manager="pool", resize_request=name, **WHERE).state)


def test_a_request_raises_the_target_at_once_and_waits_for_room_for_all(scarce: Cloud) -> None:
    status, operation = scarce.raw("POST", PATH, {"name": "r1", "resizeBy": 2})
    assert (status, operation["targetLink"].endswith(GROUP)) == (200, True)
    assert scarce.shown("pool").target_size == 3
    scarce.advance(300)
    assert (state(scarce), len(scarce.members("pool"))) == ("ACCEPTED", 1)
    attempt = scarce.raw("GET", f"{PATH}/r1")[1]["status"]["lastAttempt"]
    assert attempt["error"]["errors"][0]["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED"
    scarce.world.table("compute.stock")[ZONE] = {"e2-medium": 3}
    scarce.advance(300)
    assert (state(scarce), list(scarce.members("pool").values())) == ("SUCCEEDED", ["NONE"] * 3)


def test_a_name_is_the_key_of_idempotency(scarce: Cloud) -> None:
    assert scarce.raw("POST", PATH, {"name": "r1", "resizeBy": 1})[0] == 200
    status, answer = scarce.raw("POST", PATH, {"name": "r1", "resizeBy": 1})
    assert (status, answer["error"]["errors"][0]["reason"]) == (409, "alreadyExists")
    assert scarce.shown("pool").target_size == 2


def test_a_cancelled_request_lowers_the_target_again(scarce: Cloud) -> None:
    scarce.raw("POST", PATH, {"name": "r1", "resizeBy": 2})
    scarce.advance(10)
    assert scarce.raw("DELETE", f"{PATH}/r1")[0] == 400
    assert scarce.raw("POST", f"{PATH}/r1/cancel")[0] == 200
    assert (state(scarce), scarce.shown("pool").target_size) == ("CANCELLED", 1)
    assert scarce.raw("POST", f"{PATH}/r1/cancel")[0] == 400
    assert scarce.raw("DELETE", f"{PATH}/r1")[0] == 200
    assert scarce.raw("GET", f"{PATH}/r1")[0] == 404


def test_members_go_when_their_run_duration_is_over(scarce: Cloud) -> None:
    scarce.raw("POST", PATH, {"name": "r1", "resizeBy": 1, "requestedRunDuration": {"seconds": "3600"}})
    scarce.advance(600)
    listed = list(scarce.groups.list_managed_instances(instance_group_manager="pool", **WHERE))
    assert sorted(bool(each.scheduling.termination_timestamp) for each in listed) == [False, True]
    scarce.advance(3700)
    assert (len(scarce.members("pool")), scarce.shown("pool").target_size) == (1, 1)


@pytest.mark.parametrize("seconds", ["599", "604801"])
def test_a_run_duration_is_ten_minutes_to_seven_days(scarce: Cloud, seconds: str) -> None:
    body = {"name": "r1", "resizeBy": 1, "requestedRunDuration": {"seconds": seconds}}
    assert scarce.raw("POST", PATH, body)[0] == 400
    assert scarce.shown("pool").target_size == 1


def test_a_request_may_name_its_instances(scarce: Cloud) -> None:
    assert scarce.raw("POST", PATH, {"name": "r1", "resizeBy": 2, "instances": [{"name": "mine"}]})[0] == 400
    assert scarce.raw("POST", PATH, {"name": "r1", "instances": [{"name": "mine"}]})[0] == 200
    scarce.advance(300)
    assert scarce.members("pool")["mine"] == "NONE"
    assert scarce.shown("pool").target_size == 2


def test_requests_are_listed(scarce: Cloud) -> None:
    for name in ("r1", "r2"):
        scarce.raw("POST", PATH, {"name": name, "resizeBy": 1})
    client = scarce.client(compute_v1.InstanceGroupManagerResizeRequestsClient)
    assert [each.name for each in client.list(instance_group_manager="pool", **WHERE)] == ["r1", "r2"]
