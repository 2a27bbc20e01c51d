"""Clusters, through Google's client library."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request

import pytest
from google.api_core import exceptions
from google.cloud import container_v1

from tests.contract.gke.conftest import CLUSTER, HOST, LOCATION, PROJECT, Stage


def get(stage: Stage, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(stage.served.endpoints[HOST] + path) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_a_cluster_is_made_in_an_operation_and_runs_with_a_control_plane(stage: Stage) -> None:
    body = {"name": "fresh", "initial_node_count": 2, "locations": ["us-central1-c"]}
    operation = stage.rest.create_cluster(parent=LOCATION, cluster=body)
    assert operation.operation_type.name == "CREATE_CLUSTER"
    assert operation.status.name == "RUNNING"
    assert stage.rest.get_cluster(name=f"{LOCATION}/clusters/fresh").status.name == "PROVISIONING"
    finished = stage.done(operation)
    assert not finished.error.message
    cluster = stage.remote.get_cluster(name=f"{LOCATION}/clusters/fresh")
    assert cluster.status.name == "RUNNING"
    assert cluster.current_node_count == cluster.initial_node_count == 2
    assert cluster.network_config.network == f"projects/{PROJECT}/global/networks/default"
    assert cluster.network_config.subnetwork == f"projects/{PROJECT}/regions/us-central1/subnetworks/default"
    assert cluster.endpoint.startswith("127.0.0.1:")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(cluster.master_auth.cluster_ca_certificate)
    assert [pool.name for pool in cluster.node_pools] == ["default-pool"]
    assert len(stage.gke.clusters[f"{LOCATION}/clusters/fresh"].list("nodes")) == 2


def test_an_operation_names_its_cluster_by_project_number_and_has_times_of_nanoseconds(stage: Stage) -> None:
    operation = stage.rest.set_labels(
        request={"name": CLUSTER, "resource_labels": {"a": "b"}, "label_fingerprint": "a9dc16a7"}
    )
    assert operation.target_link == (
        "https://container.googleapis.com/v1/projects/314159265358/locations/us-central1/clusters/serving"
    )
    finished = stage.done(operation)
    assert len(finished.start_time) == len(finished.end_time) == len("2026-11-20T12:05:44.686239920Z")
    assert dict(stage.rest.get_cluster(name=CLUSTER).resource_labels) == {"a": "b"}


def test_zonal_clusters_are_reached_by_the_older_paths_and_printed_in_the_older_form(stage: Stage) -> None:
    body = {"name": "zonal", "initial_node_count": 1}
    request = {"project_id": PROJECT, "zone": "us-east1-b", "cluster": body}
    stage.done(stage.rest.create_cluster(request=request))
    status, shown = get(stage, f"/v1/projects/{PROJECT}/zones/us-east1-b/clusters/zonal")
    assert status == 200
    assert shown["selfLink"] == (
        f"https://container.googleapis.com/v1/projects/{PROJECT}/zones/us-east1-b/clusters/zonal"
    )
    assert get(stage, f"/v1beta1/projects/{PROJECT}/locations/us-east1-b/clusters/zonal")[0] == 200
    everywhere = stage.remote.list_clusters(parent=f"projects/{PROJECT}/locations/-")
    assert sorted(each.name for each in everywhere.clusters) == ["serving", "zonal"]


def test_a_missing_cluster_is_refused_in_googles_words_and_shape(stage: Stage) -> None:
    status, body = get(stage, f"/v1/{LOCATION}/clusters/nope")
    error = body["error"]
    assert isinstance(error, dict)
    text = f"Not found: {LOCATION}/clusters/nope."
    assert (status, error["code"], error["status"], error["message"]) == (404, 404, "NOT_FOUND", text)
    assert error["errors"] == [{"message": text, "domain": "global", "reason": "notFound"}]
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.RequestInfo"
    with pytest.raises(exceptions.NotFound, match="Not found: projects/demo-project/locations/us-central1/clusters/n"):
        stage.remote.get_cluster(name=f"{LOCATION}/clusters/nope")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"name": "Big", "initial_node_count": 1}, "cluster.name"),
        ({"name": "empty"}, "initial_node_count must be greater than zero"),
        ({"name": "old", "initial_node_count": 1, "initial_cluster_version": "1.10"}, '"1.10" is unsupported'),
        (
            {"name": "odd", "initial_node_count": 1, "node_config": {"machine_type": "x9-huge"}},
            "does not exist in zone",
        ),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(stage: Stage, body: dict[str, object], why: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=why):
        stage.rest.create_cluster(parent=LOCATION, cluster=body)
    assert len(stage.rest.list_clusters(parent=LOCATION).clusters) == 1


def test_a_second_cluster_of_the_same_name_is_refused(stage: Stage) -> None:
    with pytest.raises(exceptions.Conflict, match="Already exists: projects/demo-project"):
        stage.rest.create_cluster(parent=LOCATION, cluster={"name": "serving", "initial_node_count": 1})


def test_an_unknown_project_and_an_unknown_field_are_refused(stage: Stage) -> None:
    with pytest.raises(exceptions.Forbidden):
        stage.rest.list_clusters(parent="projects/somebody-elses/locations/-")
    request = urllib.request.Request(
        f"{stage.served.endpoints[HOST]}/v1/{LOCATION}/clusters",
        data=json.dumps({"cluster": {"name": "x", "colour": "red"}}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert 'Unknown name "colour" at' in json.load(refused.value)["error"]["message"]


def test_a_busy_cluster_takes_no_second_change(stage: Stage) -> None:
    first = stage.rest.update_cluster(request={"name": CLUSTER, "update": {"desired_logging_service": "none"}})
    with pytest.raises(exceptions.BadRequest, match=f"incompatible operation {first.name}"):
        stage.rest.delete_cluster(name=CLUSTER)
    stage.done(first)
    assert stage.rest.get_cluster(name=CLUSTER).logging_service == "none"


def test_a_deleted_cluster_takes_its_groups_templates_and_nodes_along(stage: Stage) -> None:
    urls = list(stage.rest.get_cluster(name=CLUSTER).instance_group_urls)
    assert len(urls) == 2
    stage.done(stage.rest.delete_cluster(name=CLUSTER))
    stage.advance(120)
    assert not stage.rest.list_clusters(parent=LOCATION).clusters
    for table in ("instanceGroupManagers", "instances", "instanceTemplates"):
        assert not stage.world.table(f"compute.{table}")


def test_the_control_plane_is_upgraded_and_says_so(stage: Stage) -> None:
    operation = stage.rest.update_master(name=CLUSTER, master_version="1.34")
    assert operation.operation_type == container_v1.Operation.Type.UPGRADE_MASTER
    stage.done(operation)
    assert stage.rest.get_cluster(name=CLUSTER).current_master_version.startswith("1.34.")
    kinds = [attributes["type_url"].rpartition(".")[2] for topic, attributes, _ in stage.messages if "notif" in topic]
    assert kinds == ["UpgradeEvent", "UpgradeInfoEvent", "UpgradeInfoEvent"]
    with pytest.raises(exceptions.BadRequest, match="cannot be downgraded"):
        stage.rest.update_master(name=CLUSTER, master_version="1.33")


def test_the_server_config_names_versions_that_a_pool_may_have(stage: Stage) -> None:
    config = stage.remote.get_server_config(name=LOCATION)
    assert config.default_cluster_version in config.valid_master_versions
    assert config.default_image_type == "COS_CONTAINERD"


def test_operations_are_listed_and_a_finished_one_is_not_cancelled(stage: Stage) -> None:
    operation = stage.rest.set_logging_service(name=CLUSTER, logging_service="none")
    stage.done(operation)
    listed = stage.rest.list_operations(parent=f"projects/{PROJECT}/locations/-").operations
    assert [each.name for each in listed] == [operation.name]
    with pytest.raises(exceptions.BadRequest):
        stage.rest.cancel_operation(name=f"{LOCATION}/operations/{operation.name}")
    with pytest.raises(exceptions.NotFound):
        stage.rest.get_operation(name=f"{LOCATION}/operations/operation-0-nope")
