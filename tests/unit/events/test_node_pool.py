import json
from typing import Any

import pytest

from poolwright.events import node_pool
from poolwright.verdicts import Irrelevant, Refused
from tests.payloads.samples import changed, load, message

FINISHED = "gke-create-node-pool-finished"
ENDED = "gke-notification-upgrade-ended"


def notification(**payload: Any) -> dict[str, Any]:
    sample = load(ENDED)
    fields = {**json.loads(sample["attributes"]["payload"]), **payload}
    sample["attributes"]["payload"] = json.dumps({key: value for key, value in fields.items() if value is not ...})
    return sample


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("google.container.v1.ClusterManager.SetNodePoolSize", "SetNodePoolSize"),
        ("google.container.v1beta1.ClusterManager.CreateNodePool", "CreateNodePool"),
        ("google.container.v1alpha1.ClusterManager.RollbackNodePoolUpgrade", "RollbackNodePoolUpgrade"),
        ("google.container.internal.ClusterManagerInternal.RepairNodePool", "RepairNodePool"),
        ("google.container.v7.Whatever.NobodyKnowsYet", "NobodyKnowsYet"),
        ("Bare", "Bare"),
    ],
)
def test_any_method_but_a_deletion_means_look_at_the_pool(method: str, name: str) -> None:
    event = node_pool.decode(message(changed(FINISHED, "protoPayload.methodName", method)))
    assert (event.method, event.pool) == (name, "l4-spot")


@pytest.mark.parametrize("method", ["DeleteNodePool", "DeleteCluster", "DeleteNodePoolInternal"])
def test_after_a_deletion_there_is_nothing_to_look_at(method: str) -> None:
    sample = changed(FINISHED, "protoPayload.methodName", f"google.container.v1.ClusterManager.{method}")
    with pytest.raises(Irrelevant, match=method):
        node_pool.decode(message(sample))


def test_an_operation_on_the_cluster_names_no_pool() -> None:
    sample = changed(FINISHED, "resource.type", "gke_cluster")
    del sample["data"]["resource"]["labels"]["nodepool_name"]
    sample["data"]["protoPayload"]["resourceName"] = "projects/acme-gpu/zones/us-central1-a/clusters/serving"
    event = node_pool.decode(message(sample))
    assert (event.location, event.cluster, event.pool) == ("us-central1", "serving", None)


@pytest.mark.parametrize("labels", [{}, ..., {"project_id": "", "location": ""}, {"cluster_name": "serving"}])
@pytest.mark.parametrize("collection", ["locations", "zones"])
def test_the_resource_name_stands_in_for_missing_labels(labels: Any, collection: str) -> None:
    sample = changed(FINISHED, "resource.labels", labels)
    name = f"projects/acme-gpu/{collection}/us-central1/clusters/serving/nodePools/l4-spot"
    sample["data"]["protoPayload"]["resourceName"] = name
    event = node_pool.decode(message(sample))
    assert (event.project, event.location, event.cluster, event.pool) == (
        "acme-gpu",
        "us-central1",
        "serving",
        "l4-spot",
    )


@pytest.mark.parametrize(("path", "value"), [("operation", ...), ("operation.last", False), ("operation.last", ...)])
def test_only_the_last_entry_of_an_operation_matters(path: str, value: Any) -> None:
    with pytest.raises(Irrelevant, match="goes on"):
        node_pool.decode(message(changed(FINISHED, path, value)))


def test_an_entry_about_another_resource_concerns_nobody() -> None:
    with pytest.raises(Irrelevant, match="gce_instance"):
        node_pool.decode(message(changed(FINISHED, "resource.type", "gce_instance")))


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("protoPayload", ..., "protoPayload"),
        ("protoPayload", "text", "protoPayload"),
        ("protoPayload.methodName", ..., "protoPayload.methodName"),
        ("protoPayload.status", {"code": "8"}, "protoPayload.status.code"),
        ("resource", ..., "resource"),
        ("resource.labels", ["l4-spot"], "resource.labels"),
        ("operation.id", 5, "operation.id"),
        ("operation.last", "true", "operation.last"),
    ],
)
def test_a_malformed_entry_is_refused_by_the_name_of_the_field(path: str, value: Any, where: str) -> None:
    with pytest.raises(Refused) as caught:
        node_pool.decode(message(changed(FINISHED, path, value)))
    assert caught.value.where == where


def test_an_entry_that_names_no_cluster_is_refused() -> None:
    sample = changed(FINISHED, "resource.labels", {})
    sample["data"]["protoPayload"]["resourceName"] = "projects/acme-gpu/locations/us-central1"
    with pytest.raises(Refused, match="names no cluster"):
        node_pool.decode(message(sample))


@pytest.mark.parametrize(("state", "failed"), [("SUCCEEDED", False), ("FAILED", True), ("CANCELED", True)])
def test_the_end_of_a_pools_upgrade_is_an_event(state: str, failed: bool) -> None:
    assert node_pool.decode(message(notification(state=state))).failed is failed


@pytest.mark.parametrize(
    "payload",
    [
        {"state": "SCHEDULED"},
        {"state": "STARTED"},
        {"state": "SOMETHING_NEW"},
        {"state": ...},
        {"resourceType": "MASTER"},
        {"resourceType": ...},
    ],
)
def test_other_notifications_concern_nobody(payload: dict[str, Any]) -> None:
    with pytest.raises(Irrelevant):
        node_pool.decode(message(notification(**payload)))


def test_a_notification_without_the_pools_name_is_one_about_the_cluster() -> None:
    event = node_pool.decode(message(notification(resource=...)))
    assert (event.cluster, event.pool) == ("serving", None)


@pytest.mark.parametrize("name", ["project_id", "cluster_name", "cluster_location"])
def test_a_notification_that_names_no_cluster_is_refused(name: str) -> None:
    sample = load(ENDED)
    del sample["attributes"][name]
    with pytest.raises(Refused) as caught:
        node_pool.decode(message(sample))
    assert caught.value.where == f"message.attributes.{name}"


@pytest.mark.parametrize(
    ("payload", "where"),
    [("", "message.attributes.payload"), ("[]", "message.attributes.payload"), (None, "message.attributes.payload")],
)
def test_a_notification_without_a_payload_is_refused(payload: str | None, where: str) -> None:
    sample = load(ENDED)
    sample["attributes"].pop("payload")
    if payload is not None:
        sample["attributes"]["payload"] = payload
    with pytest.raises(Refused) as caught:
        node_pool.decode(message(sample))
    assert caught.value.where == where


def test_a_wrong_field_of_the_payload_is_named_with_its_attribute() -> None:
    with pytest.raises(Refused) as caught:
        node_pool.decode(message(notification(operation=7)))
    assert caught.value.where == "message.attributes.payload.operation"


def test_a_notification_that_lost_its_attributes_is_refused_with_the_way_out() -> None:
    sample = {"attributes": {}, "data": load(ENDED)["data"]}
    with pytest.raises(Refused) as caught:
        node_pool.decode(message(sample))
    assert "not unwrapped" in caught.value.remedy
