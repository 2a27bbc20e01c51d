"""Members of groups: made, refused for want of stock, chosen to go, repaired."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud, template

PATH = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers/pool"


def stock(cloud: Cloud, **most: int) -> None:
    cloud.world.table("compute.stock")[ZONE] = {name.replace("_", "-"): number for name, number in most.items()}


def errors(cloud: Cloud) -> list[str]:
    listed = cloud.groups.list_managed_instances(instance_group_manager="pool", **WHERE)
    return [error.code for each in listed for error in each.last_attempt.errors.errors]


def instances(cloud: Cloud, *names: str, **more: Any) -> dict[str, Any]:
    return {"instances": [f"zones/{ZONE}/instances/{name}" for name in names], **more}


def made_from(cloud: Cloud) -> dict[str, str]:
    listed = cloud.groups.list_managed_instances(instance_group_manager="pool", **WHERE)
    return {each.name: each.version.instance_template.rpartition("/")[2] for each in listed}


def test_a_resize_without_stock_tries_for_ever_and_comes_true_when_there_is_some(cloud: Cloud) -> None:
    stock(cloud, e2_medium=1)
    cloud.group("pool", 1)
    cloud.advance(300)
    assert cloud.raw("POST", f"{PATH}/resize?size=2")[1]["status"] == "DONE"
    cloud.advance(600)
    assert sorted(cloud.members("pool").values()) == ["CREATING", "NONE"]
    assert errors(cloud) == ["ZONE_RESOURCE_POOL_EXHAUSTED"]
    assert cloud.shown("pool").target_size == 2
    logged = list(cloud.groups.list_errors(instance_group_manager="pool", **WHERE))
    assert len(logged) > 3
    assert {each.error.code for each in logged} == {"ZONE_RESOURCE_POOL_EXHAUSTED"}
    assert {each.instance_action_details.action for each in logged} == {"CREATING"}
    stock(cloud, e2_medium=2)
    cloud.advance(300)
    assert list(cloud.members("pool").values()) == ["NONE", "NONE"]
    assert errors(cloud) == []


def test_instances_created_by_name_are_tried_once_and_the_target_falls_again(cloud: Cloud) -> None:
    stock(cloud, e2_medium=1)
    cloud.group("pool", 0)
    cloud.raw("POST", f"{PATH}/createInstances", {"instances": [{"name": "first"}, {"name": "second"}]})
    assert cloud.members("pool") == {"first": "CREATING_WITHOUT_RETRIES", "second": "CREATING_WITHOUT_RETRIES"}
    assert cloud.shown("pool").target_size == 2
    cloud.advance(300)
    assert cloud.members("pool") == {"first": "NONE"}
    assert cloud.shown("pool").target_size == 1


def test_a_name_that_is_taken_is_not_created_again(cloud: Cloud) -> None:
    cloud.group("pool", 0)
    body = {"instances": [{"name": "mine"}]}
    assert cloud.raw("POST", f"{PATH}/createInstances", body)[0] == 200
    status, answer = cloud.raw("POST", f"{PATH}/createInstances", body)
    assert (status, answer["error"]["errors"][0]["reason"]) == (409, "alreadyExists")
    assert cloud.shown("pool").target_size == 1


def test_a_quota_shows_in_the_members_errors(cloud: Cloud) -> None:
    cloud.world.table("compute.quotas")["us-central1"] = {"NVIDIA_L4_GPUS": 1}
    cloud.do(cloud.compute.insert_instance_template, template("gpu", machineType="g2-standard-24"))
    cloud.group("pool", 1, "gpu")
    cloud.advance(60)
    listed = list(cloud.groups.list_managed_instances(instance_group_manager="pool", **WHERE))
    error = listed[0].last_attempt.errors.errors[0]
    assert error.code == "QUOTA_EXCEEDED"
    assert error.message == "Quota 'NVIDIA_L4_GPUS' exceeded.  Limit: 1.0 in region us-central1."


def test_accelerators_count_against_stock_by_their_number(cloud: Cloud) -> None:
    stock(cloud, nvidia_h100_80gb=16)
    cloud.do(cloud.compute.insert_instance_template, template("h100", machineType="a3-highgpu-8g"))
    cloud.group("pool", 3, "h100")
    cloud.advance(300)
    assert sorted(cloud.members("pool").values()) == ["CREATING", "NONE", "NONE"]


def test_deleted_members_lower_the_target(cloud: Cloud) -> None:
    cloud.group("pool", 3)
    cloud.advance(300)
    victim, *others = cloud.members("pool")
    status, operation = cloud.raw("POST", f"{PATH}/deleteInstances", instances(cloud, victim))
    assert (status, operation["status"]) == (200, "DONE")
    assert operation["operationType"] == "compute.instanceGroupManagers.deleteInstances"
    assert cloud.members("pool")[victim] == "DELETING"
    assert cloud.shown("pool").target_size == 2
    cloud.advance(300)
    assert list(cloud.members("pool")) == others


def test_a_member_still_in_creation_can_be_deleted(cloud: Cloud) -> None:
    stock(cloud, e2_medium=0)
    cloud.group("pool", 1)
    cloud.advance(60)
    (name,) = cloud.members("pool")
    cloud.raw("POST", f"{PATH}/deleteInstances", instances(cloud, name))
    cloud.advance(60)
    assert cloud.members("pool") == {}
    assert cloud.shown("pool").target_size == 0


def test_a_stranger_among_the_instances_refuses_the_whole_call_unless_skipped(cloud: Cloud) -> None:
    cloud.group("pool", 2)
    cloud.advance(300)
    victim = next(iter(cloud.members("pool")))
    status, answer = cloud.raw("POST", f"{PATH}/deleteInstances", instances(cloud, victim, "stranger"))
    assert status == 400
    assert "is not a member of" in answer["error"]["message"]
    assert cloud.shown("pool").target_size == 2
    skipping = instances(cloud, victim, "stranger", skipInstancesOnValidationError=True)
    assert cloud.raw("POST", f"{PATH}/deleteInstances", skipping)[0] == 200
    assert cloud.shown("pool").target_size == 1
    assert cloud.raw("POST", f"{PATH}/deleteInstances", skipping)[0] == 200
    assert cloud.shown("pool").target_size == 1


def test_more_than_a_thousand_instances_are_refused(cloud: Cloud) -> None:
    cloud.group("pool", 1)
    body = instances(cloud, *(f"i-{index}" for index in range(1001)), skipInstancesOnValidationError=True)
    assert cloud.raw("POST", f"{PATH}/deleteInstances", body)[0] == 400


def test_an_abandoned_instance_lives_on(cloud: Cloud) -> None:
    cloud.group("pool", 1)
    cloud.advance(300)
    (name,) = cloud.members("pool")
    cloud.raw("POST", f"{PATH}/abandonInstances", instances(cloud, name))
    cloud.advance(300)
    assert (cloud.members("pool"), cloud.shown("pool").target_size) == ({}, 0)
    assert cloud.client(compute_v1.InstancesClient).get(instance=name, **WHERE).status == "RUNNING"


@pytest.fixture
def moved_on(cloud: Cloud) -> Cloud:
    """A group of two made from `small` that now points to `other`."""
    cloud.do(cloud.compute.insert_instance_template, template("other", machineType="e2-small"))
    cloud.group("pool", 2)
    cloud.advance(300)
    cloud.raw("PATCH", PATH, {"instanceTemplate": "global/instanceTemplates/other"})
    cloud.advance(600)
    return cloud


def test_an_opportunistic_group_leaves_its_members_alone(moved_on: Cloud) -> None:
    assert list(made_from(moved_on).values()) == ["small", "small"]
    group = moved_on.shown("pool")
    assert (group.status.is_stable, group.status.version_target.is_reached) == (True, False)
    moved_on.raw("POST", f"{PATH}/resize?size=3")
    assert sorted(made_from(moved_on).values()) == ["other", "small", "small"]


def test_a_repair_uses_the_template_the_member_was_made_with(moved_on: Cloud) -> None:
    name = next(iter(moved_on.members("pool")))
    before = moved_on.client(compute_v1.InstancesClient).get(instance=name, **WHERE).id
    moved_on.raw("DELETE", f"projects/{PROJECT}/zones/{ZONE}/instances/{name}")
    moved_on.advance(40)
    assert moved_on.members("pool")[name] == "RECREATING"
    moved_on.advance(300)
    assert made_from(moved_on)[name] == "small"
    after = moved_on.client(compute_v1.InstancesClient).get(instance=name, **WHERE)
    assert (after.status, after.id != before) == ("RUNNING", True)


def test_recreate_uses_the_groups_current_template(moved_on: Cloud) -> None:
    name, other = moved_on.members("pool")
    moved_on.raw("POST", f"{PATH}/recreateInstances", instances(moved_on, name))
    assert moved_on.members("pool")[name] == "RECREATING"
    moved_on.advance(300)
    assert made_from(moved_on) == {name: "other", other: "small"}
    assert moved_on.shown("pool").target_size == 2


def test_updates_go_only_as_far_as_allowed(moved_on: Cloud) -> None:
    name, other = moved_on.members("pool")
    body = instances(moved_on, name, mostDisruptiveAllowedAction="RESTART")
    moved_on.raw("POST", f"{PATH}/applyUpdatesToInstances", body)
    moved_on.advance(300)
    assert made_from(moved_on)[name] == "small"
    moved_on.raw("POST", f"{PATH}/applyUpdatesToInstances", instances(moved_on, name))
    moved_on.advance(300)
    assert made_from(moved_on) == {name: "other", other: "small"}


def test_a_change_of_metadata_alone_is_refreshed_in_place(cloud: Cloud) -> None:
    changed = template("noted", metadata={"items": [{"key": "colour", "value": "blue"}]})
    cloud.do(cloud.compute.insert_instance_template, changed)
    cloud.group("pool", 1)
    cloud.advance(300)
    (name,) = cloud.members("pool")
    before = cloud.client(compute_v1.InstancesClient).get(instance=name, **WHERE).id
    cloud.raw("PATCH", PATH, {"instanceTemplate": "global/instanceTemplates/noted"})
    cloud.raw("POST", f"{PATH}/applyUpdatesToInstances", {"allInstances": True})
    assert cloud.members("pool") == {name: "REFRESHING"}
    cloud.advance(60)
    after = cloud.client(compute_v1.InstancesClient).get(instance=name, **WHERE)
    assert after.id == before
    assert "blue" in [each.value for each in after.metadata.items]
    assert made_from(cloud) == {name: "noted"}


def test_a_smaller_group_lets_those_go_that_are_not_up_yet(cloud: Cloud) -> None:
    cloud.group("pool", 2)
    cloud.advance(300)
    grown = set(cloud.members("pool"))
    cloud.raw("POST", f"{PATH}/resize?size=4")
    cloud.raw("POST", f"{PATH}/resize?size=2")
    staying = {name for name, action in cloud.members("pool").items() if action != "DELETING"}
    assert staying == grown
    cloud.raw("POST", f"{PATH}/resize?size=0")
    cloud.advance(300)
    assert cloud.members("pool") == {}


@pytest.mark.parametrize(
    ("image", "machine", "disk", "code", "text"),
    [
        ("none", "e2-medium", "10", "RESOURCE_NOT_FOUND", "global/images/none' was not found"),
        ("node-image-1", "e2-medium", "5", "INVALID_FIELD_VALUE", "cannot be smaller than the image size (10 GB)"),
        ("node-image-1", "t2a-standard-1", "10", "INVALID_USAGE", "not compatible with machine type architecture"),
        ("half-made", "e2-medium", "10", "RESOURCE_NOT_READY", "is not ready"),
    ],
)
def test_a_template_that_cannot_boot_fails_late_and_quietly(
    cloud: Cloud, image: str, machine: str, disk: str, code: str, text: str
) -> None:
    half = f"projects/{PROJECT}/global/images"
    cloud.raw("POST", half, {"name": "half-made", "sourceImage": f"{half}/node-image-1"})
    boot = {"boot": True, "initializeParams": {"sourceImage": f"global/images/{image}", "diskSizeGb": disk}}
    cloud.do(cloud.compute.insert_instance_template, template("bad", machineType=machine, disks=[boot]))
    cloud.group("pool", 1, "bad")
    cloud.advance(20)
    listed = list(cloud.groups.list_managed_instances(instance_group_manager="pool", **WHERE))
    error = listed[0].last_attempt.errors.errors[0]
    assert (error.code, text in error.message) == (code, True)
    assert listed[0].current_action == "CREATING"


def test_instances_know_their_group_and_template(cloud: Cloud) -> None:
    cloud.group("pool", 1)
    cloud.advance(300)
    (instance,) = cloud.client(compute_v1.InstancesClient).list(**WHERE)
    metadata = {each.key: each.value for each in instance.metadata.items}
    assert metadata["created-by"] == f"projects/314159265358/zones/{ZONE}/instanceGroupManagers/pool"
    assert metadata["instance-template"] == "projects/314159265358/global/instanceTemplates/small"


def test_neighbours_hear_of_instances_when_they_run_and_when_they_go(cloud: Cloud) -> None:
    heard: list[tuple[str, str]] = []
    for happening in ("instance.running", "instance.deleting", "instance.deleted"):
        cloud.world.listen(happening, lambda instance, what=happening: heard.append((what, instance["name"])))
    cloud.group("pool", 1)
    cloud.advance(10)
    assert heard == []
    cloud.advance(300)
    (name,) = cloud.members("pool")
    cloud.do(cloud.compute.resize, ZONE, "pool", 0)
    cloud.advance(300)
    assert heard == [("instance.running", name), ("instance.deleting", name), ("instance.deleted", name)]
