"""Node pools, their groups and templates, through Google's client library."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
import yaml
from google.api_core import exceptions

from tests.contract.gke.conftest import CLUSTER, L4_POOL, POOL, Stage, metadata

SPARE = {**L4_POOL, "name": "spare", "locations": ["us-central1-a"], "initialNodeCount": 0}


def test_a_pool_has_one_group_a_zone_named_as_gke_names_them(stage: Stage) -> None:
    pool = stage.rest.get_node_pool(name=POOL)
    names = [re.fullmatch(r".*/zones/(.*)/instanceGroupManagers/(.*)", url) for url in pool.instance_group_urls]
    assert [each[1] for each in names if each] == ["us-central1-a", "us-central1-b"]
    assert all(re.fullmatch(r"gke-serving-l4-[0-9a-f]{8}-grp", each[2]) for each in names if each)
    group = stage.group(pool.instance_group_urls[0])
    assert group["updatePolicy"]["type"] == "OPPORTUNISTIC"
    assert group["instanceTemplate"].endswith(group["name"].removesuffix("-grp"))
    assert group["baseInstanceName"] == group["name"].removesuffix("-grp")


def test_long_names_are_cut(stage: Stage) -> None:
    body = {**SPARE, "name": "a-pool-with-quite-a-long-name-indeed"}
    stage.done(stage.rest.create_node_pool(parent=CLUSTER, node_pool=_snake(body)))
    (url,) = stage.rest.get_node_pool(name=f"{CLUSTER}/nodePools/{body['name']}").instance_group_urls
    assert re.search(r"/gke-serving-a-pool-with-quite-a-long--[0-9a-f]{8}-grp$", url)


def test_the_template_boots_gkes_image_of_the_version_with_gpus_spot_and_labels(stage: Stage) -> None:
    properties = stage.template(stage.rest.get_node_pool(name=POOL).instance_group_urls[0])["properties"]
    disk = properties["disks"][0]["initializeParams"]
    assert disk["sourceImage"] == (
        "https://www.googleapis.com/compute/v1/projects/gke-node-images/global/images/"
        "gke-1335-gke1080000-cos-121-18867-199-88-c-pre"
    )
    assert disk["diskSizeGb"] == "200"
    assert properties["guestAccelerators"] == [{"acceleratorCount": 2, "acceleratorType": "nvidia-l4"}]
    assert properties["scheduling"]["provisioningModel"] == "SPOT"
    assert properties["labels"]["goog-k8s-node-pool-name"] == "l4"
    assert properties["labels"]["goog-gke-node"] == ""


def test_the_templates_metadata_is_what_a_gke_node_boots_from(stage: Stage) -> None:
    found = metadata(stage.template(stage.rest.get_node_pool(name=POOL).instance_group_urls[0]))
    cluster = stage.rest.get_cluster(name=CLUSTER)
    assert {
        "kube-env", "kubelet-config", "configure-sh", "user-data", "cluster-name", "cluster-uid", "cluster-location",
        "kube-labels", "gci-update-strategy", "gci-ensure-gke-docker", "google-compute-enable-pcid",
        "disable-legacy-endpoints", "serial-port-logging-enable",
    } <= found.keys()  # fmt: skip
    assert found["cluster-uid"] == cluster.id and re.fullmatch("[0-9a-f]{64}", cluster.id)
    env = yaml.load(found["kube-env"], Loader=yaml.BaseLoader)
    assert env["CA_CERT"] == cluster.master_auth.cluster_ca_certificate
    assert "team=vision" in env["KUBELET_ARGS"]
    assert "--register-with-taints=dedicated=vision:NoSchedule,nvidia.com/gpu=present:NoSchedule" in env["KUBELET_ARGS"]
    assert "kube_reserved=cpu=" in env["AUTOSCALER_ENV_VARS"] and "os_distribution=cos" in env["AUTOSCALER_ENV_VARS"]
    assert env["KUBERNETES_MASTER_NAME"] == cluster.endpoint
    assert base64.b64decode(env["KUBELET_KEY"]).startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert env["KONNECTIVITY_AGENT_CLIENT_KEY"].startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert not found["kube-env"].endswith("\n")


def test_the_zones_of_a_pool_are_told_the_same(stage: Stage) -> None:
    one, other = [stage.template(url) for url in stage.rest.get_node_pool(name=POOL).instance_group_urls]
    assert one["name"] != other["name"]
    assert metadata(one) == metadata(other)


def test_a_new_pool_is_there_at_once_and_runs_when_its_nodes_are_ready(stage: Stage) -> None:
    body = {**SPARE, "initialNodeCount": 2}
    operation = stage.rest.create_node_pool(parent=CLUSTER, node_pool=_snake(body))
    assert stage.remote.get_node_pool(name=f"{CLUSTER}/nodePools/spare").status.name == "PROVISIONING"
    finished = stage.done(operation)
    assert finished.operation_type.name == "CREATE_NODE_POOL"
    pool = stage.remote.get_node_pool(name=f"{CLUSTER}/nodePools/spare")
    assert pool.status.name == "RUNNING"
    assert len(stage.nodes("spare")) == 2
    assert pool.config.machine_type == "g2-standard-24" and pool.pod_ipv4_cidr_size == 24 and pool.etag


def test_a_pool_without_nodes_costs_no_wait_for_any(stage: Stage) -> None:
    stage.done(stage.rest.create_node_pool(parent=CLUSTER, node_pool=_snake(SPARE)), within=60)
    assert stage.nodes("spare") == []


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        ({"name": "l4"}, exceptions.Conflict, "Already exists: .*nodePools/l4"),
        ({"name": "No"}, exceptions.BadRequest, "node_pool.name"),
        ({"config": {"machine_type": "g9"}}, exceptions.BadRequest, 'Machine type with name "g9" does not exist'),
        ({"version": "1.35"}, exceptions.BadRequest, "must not be greater than the master version"),
        ({"config": {"image_type": "BEOS"}}, exceptions.BadRequest, "BEOS"),
        ({"config": {"accelerators": [{"accelerator_count": 1, "accelerator_type": "nvidia-b9000"}]}},
         exceptions.BadRequest, 'Accelerator type "nvidia-b9000" does not exist in zone'),
        ({"locations": ["us-east5-a"]}, exceptions.BadRequest, "us-east5-a"),
    ],
)  # fmt: skip
def test_a_pool_that_cannot_be_is_refused(
    stage: Stage, change: dict[str, object], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        stage.rest.create_node_pool(parent=CLUSTER, node_pool={**_snake(SPARE), **change})


def test_too_small_a_quota_is_told_before_anything_is_made(stage: Stage) -> None:
    stage.world.table("compute.quotas")["us-central1"] = {"PREEMPTIBLE_NVIDIA_L4_GPUS": 6}
    body = {**SPARE, "initialNodeCount": 2}
    with pytest.raises(exceptions.Forbidden, match=r"requires '4.0' and is short '2.0'. The regional quota is '6.0'"):
        stage.rest.create_node_pool(parent=CLUSTER, node_pool=_snake(body))
    assert len(stage.rest.list_node_pools(parent=CLUSTER).node_pools) == 1


def test_a_zone_that_is_out_of_stock_ends_in_an_error_that_names_it(stage: Stage) -> None:
    stage.world.table("compute.stock")["us-central1-a"] = {"nvidia-l4": 2}
    operation = stage.rest.create_node_pool(parent=CLUSTER, node_pool=_snake({**SPARE, "initialNodeCount": 1}))
    finished = stage.done(operation)
    assert "GCE_STOCKOUT" in finished.error.message
    pool = stage.rest.get_node_pool(name=f"{CLUSTER}/nodePools/spare")
    assert pool.status.name == "ERROR" and "GCE_STOCKOUT" in pool.status_message


def test_a_size_is_one_for_each_zone(stage: Stage) -> None:
    stage.done(stage.rest.set_node_pool_size(request={"name": POOL, "node_count": 2}))
    assert len(stage.nodes()) == 4
    stage.done(stage.rest.set_node_pool_size(request={"name": POOL, "node_count": 0}))
    stage.advance(120)
    assert stage.nodes() == []


def test_a_deleted_pool_takes_groups_templates_and_nodes_along(stage: Stage) -> None:
    stage.done(stage.rest.delete_node_pool(name=POOL))
    stage.advance(120)
    with pytest.raises(exceptions.NotFound, match="nodePools/l4"):
        stage.rest.get_node_pool(name=POOL)
    assert not stage.world.table("compute.instanceGroupManagers")
    assert not stage.world.table("compute.instanceTemplates")
    assert stage.nodes() == []


def test_changed_labels_issue_new_templates_and_leave_the_nodes_running(stage: Stage) -> None:
    before = {each["metadata"]["name"] for each in stage.nodes()}
    urls = stage.rest.get_node_pool(name=POOL).instance_group_urls
    old = [stage.template(url)["name"] for url in urls]
    stage.done(stage.rest.update_node_pool(request={"name": POOL, "labels": {"labels": {"team": "audio"}}}))
    new = [stage.template(url) for url in urls]
    assert not {each["name"] for each in new} & set(old)
    assert all("team=audio" in metadata(each)["kube-labels"] for each in new)
    assert {each["metadata"]["name"] for each in stage.nodes()} == before
    assert {each["metadata"]["labels"]["team"] for each in stage.nodes()} == {"audio"}


def test_taints_of_an_update_are_on_the_nodes_and_the_gpus_own_stays(stage: Stage) -> None:
    stage.done(stage.rest.update_node_pool(request={"name": POOL, "taints": {"taints": []}}))
    assert {each["key"] for node in stage.nodes() for each in node["spec"]["taints"]} == {"nvidia.com/gpu"}


def test_a_stale_etag_is_refused(stage: Stage) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match="etag"):
        stage.rest.update_node_pool(request={"name": POOL, "etag": "stale", "labels": {"labels": {}}})


def test_autoscaling_is_set_and_an_impossible_range_refused(stage: Stage) -> None:
    wanted = {"enabled": True, "min_node_count": 1, "max_node_count": 4}
    stage.done(stage.rest.set_node_pool_autoscaling(request={"name": POOL, "autoscaling": wanted}))
    assert stage.rest.get_node_pool(name=POOL).autoscaling.max_node_count == 4
    with pytest.raises(exceptions.BadRequest, match="max_node_count"):
        wrong = {"enabled": True, "min_node_count": 5, "max_node_count": 2}
        stage.rest.set_node_pool_autoscaling(request={"name": POOL, "autoscaling": wrong})


def test_pools_change_side_by_side_but_not_one_pool_twice(stage: Stage) -> None:
    first = stage.rest.create_node_pool(parent=CLUSTER, node_pool=_snake(SPARE))
    with pytest.raises(exceptions.BadRequest, match=f"incompatible operation {first.name}"):
        stage.rest.delete_node_pool(name=f"{CLUSTER}/nodePools/spare")
    second = stage.rest.set_node_pool_size(request={"name": POOL, "node_count": 2})
    with pytest.raises(exceptions.BadRequest, match="incompatible operation"):
        stage.rest.delete_cluster(name=CLUSTER)
    stage.done(first)
    stage.done(second)


def test_autopilot_clusters_take_no_pools(stage: Stage) -> None:
    parent = CLUSTER.rpartition("/clusters/")[0]
    stage.done(stage.rest.create_cluster(parent=parent, cluster={"name": "auto", "autopilot": {"enabled": True}}))
    with pytest.raises(exceptions.BadRequest, match="Autopilot"):
        stage.rest.create_node_pool(parent=f"{parent}/clusters/auto", node_pool=_snake(SPARE))


def _snake(value: Any) -> Any:
    """camelCase keys as the Python client takes them."""
    if isinstance(value, dict):
        return {
            re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", key): _snake(each) for key, each in value.items()
        }
    return [_snake(each) for each in value] if isinstance(value, list) else value
