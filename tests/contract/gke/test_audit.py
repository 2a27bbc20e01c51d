"""Audit log entries have the shapes that the samples of real ones have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.gke.conftest import CLUSTER, POOL, Stage

SAMPLES = Path(__file__).parents[2] / "payloads"
EMPTY = {"name": "spare", "config": {"machine_type": "e2-medium"}, "locations": ["us-central1-a"]}


def shape(value: Any) -> Any:
    """Keys and types."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key not in ("request", "response")}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


@pytest.fixture
def entries(stage: Stage) -> list[dict[str, Any]]:
    stage.done(stage.rest.create_node_pool(parent=CLUSTER, node_pool=EMPTY))
    return stage.audit()


def test_an_operation_is_logged_when_it_begins_and_when_it_ends(entries: list[dict[str, Any]]) -> None:
    first, last = entries
    assert shape(first) == shape(sample("gke-create-node-pool-started.json")["data"])
    assert shape(last) == shape(sample("gke-create-node-pool-finished.json")["data"])
    assert first["operation"]["id"] == last["operation"]["id"]
    assert last["protoPayload"]["resourceName"] == f"{CLUSTER}/nodePools/spare"
    assert first["protoPayload"]["request"]["nodePool"]["name"] == "spare"
    assert first["protoPayload"]["response"]["status"] == "RUNNING"


def test_the_attribute_is_the_entrys_time(stage: Stage) -> None:
    stage.done(stage.rest.set_node_pool_size(request={"name": POOL, "node_count": 1}))
    topic, attributes, text = stage.messages[-1]
    assert topic == "gke-audit"
    assert attributes == {"logging.googleapis.com/timestamp": json.loads(text)["timestamp"]}


def test_a_failed_operation_is_an_error_with_a_status(stage: Stage) -> None:
    stage.world.table("compute.stock")["us-central1-a"] = {"e2-medium": 0}
    stage.done(stage.rest.create_node_pool(parent=CLUSTER, node_pool={**EMPTY, "initial_node_count": 1}))
    last = stage.audit()[-1]
    assert shape(last) == shape(sample("gke-create-node-pool-failed.json")["data"])
    assert last["severity"] == "ERROR" and last["protoPayload"]["status"]["code"] == 8


def test_an_update_and_gkes_own_upgrade_have_the_samples_shapes(stage: Stage) -> None:
    stage.done(stage.rest.update_node_pool(request={"name": POOL, "labels": {"labels": {"a": "b"}}}))
    assert shape(stage.audit()[-1]) == shape(sample("gke-update-node-pool-finished.json")["data"])
    stage.served.call(stage.gke.auto_upgrade, POOL, "1.33.5-gke.1080000")
    stage.advance(3600)
    assert shape(stage.audit()[-1]) == shape(sample("gke-internal-upgrade-finished.json")["data"])


def test_a_silenced_cluster_sends_no_notifications_and_another_topic_gets_its_own(stage: Stage) -> None:
    quiet = {"pubsub": {"enabled": False}}
    stage.done(stage.rest.update_cluster(request={"name": CLUSTER, "update": {"desired_notification_config": quiet}}))
    stage.served.call(stage.gke.announce, CLUSTER, "1.34.1-gke.1829001")
    assert {topic for topic, _, _ in stage.messages} == {"gke-audit"}
    loud = {"pubsub": {"enabled": True, "topic": "projects/demo-project/topics/upgrades"}}
    stage.done(stage.rest.update_cluster(request={"name": CLUSTER, "update": {"desired_notification_config": loud}}))
    stage.served.call(stage.gke.announce, CLUSTER, "1.34.1-gke.1829001")
    assert stage.messages[-1][0] == "upgrades"
