"""Upgrades of node pools: new templates, new nodes, notifications, and what becomes of failures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api_core import exceptions

from tests.contract.gke.conftest import CLUSTER, POOL, Stage, metadata

NEW = "1.33.5-gke.1308000"


def upgraded(stage: Stage) -> None:
    stage.done(stage.rest.update_master(name=CLUSTER, master_version=NEW))
    stage.messages.clear()


def notices(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    found = [(attributes, text) for topic, attributes, text in stage.messages if topic == "gke-notifications"]
    assert all(attributes["project_id"] == "314159265358" for attributes, _ in found)
    return [(each["type_url"].rpartition(".")[2], json.loads(each["payload"])) for each, _ in found]


def test_an_upgrade_replaces_every_node_and_boots_the_new_versions_image(stage: Stage) -> None:
    upgraded(stage)
    before = {each["metadata"]["name"] for each in stage.nodes()}
    operation = stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW})
    assert operation.operation_type.name == "UPGRADE_NODES"
    assert stage.rest.get_node_pool(name=POOL).status.name == "RECONCILING"
    stage.done(operation)
    after = stage.nodes()
    assert len(after) == 2 and not {each["metadata"]["name"] for each in after} & before
    assert {each["status"]["nodeInfo"]["kubeletVersion"] for each in after} == {f"v{NEW}"}
    pool = stage.rest.get_node_pool(name=POOL)
    assert pool.version == NEW and pool.status.name == "RUNNING"
    for url in pool.instance_group_urls:
        assert "gke-1335-gke1308000-cos" in str(stage.template(url)["properties"]["disks"][0])
        assert stage.group(url)["targetSize"] == 1


def test_surge_never_leaves_the_pool_with_fewer_nodes(stage: Stage) -> None:
    upgraded(stage)
    operation = stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW})
    path = f"{CLUSTER.rpartition('/clusters')[0]}/operations/{operation.name}"
    while stage.remote.get_operation(name=path).status.name != "DONE":
        ready = [c["status"] for node in stage.nodes() for c in node["status"]["conditions"] if c["type"] == "Ready"]
        assert ready.count("True") >= 2
        stage.advance(20)


def test_an_upgrade_is_announced_and_its_end_told(stage: Stage) -> None:
    upgraded(stage)
    operation = stage.done(stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW}))
    (first, event), (second, started), (third, ended) = notices(stage)
    assert (first, second, third) == ("UpgradeEvent", "UpgradeInfoEvent", "UpgradeInfoEvent")
    assert event["resource"] == POOL.replace("demo-project", "314159265358")
    assert (event["currentVersion"], event["targetVersion"]) == ("1.33.5-gke.1080000", NEW)
    assert event["operation"] == started["operation"] == operation.name
    assert (started["state"], ended["state"]) == ("STARTED", "SUCCEEDED")
    assert "endTime" in ended and "endTime" not in started


def test_gkes_own_upgrade_is_logged_as_internal(stage: Stage) -> None:
    upgraded(stage)
    stage.served.call(stage.gke.auto_upgrade, POOL, NEW)
    stage.advance(3600)
    payload = stage.audit()[-1]["protoPayload"]
    assert payload["methodName"] == "google.container.internal.ClusterManagerInternal.UpdateClusterInternal"
    assert payload["metadata"] == {"operationType": "UPGRADE_NODES"}
    assert "authenticationInfo" not in payload
    assert stage.rest.get_node_pool(name=POOL).version == NEW


def test_an_available_version_is_told(stage: Stage) -> None:
    stage.served.call(stage.gke.announce, CLUSTER, NEW, pool="l4")
    ((kind, event),) = notices(stage)
    assert (kind, event["version"], event["resourceType"]) == ("UpgradeAvailableEvent", NEW, "NODE_POOL")


def test_another_image_type_means_new_nodes(stage: Stage) -> None:
    before = {each["metadata"]["name"] for each in stage.nodes()}
    stage.done(stage.rest.update_node_pool(request={"name": POOL, "image_type": "ubuntu_containerd"}))
    assert not {each["metadata"]["name"] for each in stage.nodes()} & before
    template = stage.template(stage.rest.get_node_pool(name=POOL).instance_group_urls[0])
    assert "ubuntu" in template["properties"]["disks"][0]["initializeParams"]["sourceImage"]
    assert "gke-os-distribution=ubuntu" in metadata(template)["kube-labels"]


def test_a_blue_green_upgrade_has_both_groups_while_it_runs_and_the_green_one_after(stage: Stage) -> None:
    upgraded(stage)
    settings = {"strategy": "BLUE_GREEN"}
    stage.done(stage.rest.update_node_pool(request={"name": POOL, "upgrade_settings": settings}))
    blue = set(stage.rest.get_node_pool(name=POOL).instance_group_urls)
    operation = stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW})
    stage.advance(30)
    pool = stage.rest.get_node_pool(name=POOL)
    assert len(pool.instance_group_urls) == 4 and blue < set(pool.instance_group_urls)
    assert set(pool.update_info.blue_green_info.blue_instance_group_urls) == blue
    stage.done(operation)
    stage.advance(120)
    pool = stage.rest.get_node_pool(name=POOL)
    assert len(pool.instance_group_urls) == 2 and not blue & set(pool.instance_group_urls)
    assert len(stage.nodes()) == 2 and not pool.update_info.blue_green_info.phase


def test_an_upgrade_without_stock_fails_says_so_and_can_be_rolled_back(stage: Stage) -> None:
    upgraded(stage)
    stage.world.table("compute.stock").update({zone: {"nvidia-l4": 2} for zone in ("us-central1-a", "us-central1-b")})
    finished = stage.done(stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW}))
    assert "GCE_STOCKOUT" in finished.error.message
    assert notices(stage)[-1][1]["state"] == "FAILED"
    assert stage.audit()[-1]["severity"] == "ERROR"
    stage.world.table("compute.stock").clear()
    stage.done(stage.rest.rollback_node_pool_upgrade(name=POOL))
    pool = stage.rest.get_node_pool(name=POOL)
    assert pool.version == "1.33.5-gke.1080000" and pool.status.name == "RUNNING"


def test_there_is_nothing_to_roll_back_after_a_good_upgrade(stage: Stage) -> None:
    with pytest.raises(exceptions.BadRequest, match="roll back"):
        stage.rest.rollback_node_pool_upgrade(name=POOL)


def test_a_cancelled_upgrade_stops(stage: Stage) -> None:
    upgraded(stage)
    operation = stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW})
    path = f"{CLUSTER.rpartition('/clusters')[0]}/operations/{operation.name}"
    stage.advance(15)
    stage.rest.cancel_operation(name=path)
    assert stage.rest.get_operation(name=path).status.name == "ABORTING"
    assert stage.done(operation).error.code == 1
    stage.done(stage.rest.rollback_node_pool_upgrade(name=POOL))
    assert stage.rest.get_node_pool(name=POOL).version == "1.33.5-gke.1080000"


def test_nodes_are_never_newer_than_their_control_plane(stage: Stage) -> None:
    with pytest.raises(exceptions.BadRequest, match="must not be greater than the master version"):
        stage.rest.update_node_pool(request={"name": POOL, "node_version": NEW})
