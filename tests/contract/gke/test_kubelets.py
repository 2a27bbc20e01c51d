"""From a VM to a node with GPUs, and back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.gke.conftest import POOL, Stage

Json = dict[str, Any]


def ready(node: Json) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])


def seconds_until(stage: Stage, done: Any, *, limit: float = 900) -> float:
    """The world's seconds until something holds for the newest node."""
    start = stage.world.simulation.now()
    while stage.world.simulation.now() - start < limit:
        nodes = stage.nodes()
        if nodes and all(done(each) for each in nodes):
            return stage.world.simulation.now() - start
        stage.advance(5)
    raise AssertionError(f"not within {limit} s: {stage.nodes()}")


def useful(node: Json) -> bool:
    return "nvidia.com/gpu" in node["status"]["allocatable"]


def own_image(stage: Stage, name: str = "poolwright-dev-1") -> None:
    """Every group of the pool boots an image of ours from now on, as a mutation leaves it."""
    body = {"name": name, "diskSizeGb": "100", "architecture": "X86_64", "labels": {"poolwright-run-id": "1"}}
    stage.served.call(stage.compute.insert_image, body)
    for url in stage.rest.get_node_pool(name=POOL).instance_group_urls:
        template = stage.template(url)
        disks = [
            {**each, "initializeParams": dict(each["initializeParams"])} for each in template["properties"]["disks"]
        ]
        disks[0]["initializeParams"]["sourceImage"] = f"projects/demo-project/global/images/{name}"
        copy = {"name": f"{template['name']}-ours", "properties": {**template["properties"], "disks": disks}}
        made = stage.served.call(stage.compute.insert_instance_template, copy)
        parts = url.split("/")
        change = {"instanceTemplate": made["selfLink"], "versions": [{"instanceTemplate": made["selfLink"]}]}
        stage.served.call(stage.compute.patch_instance_group_manager, parts[-3], parts[-1], change)


def resize(stage: Stage, size: int) -> None:
    for url in stage.rest.get_node_pool(name=POOL).instance_group_urls:
        parts = url.split("/")
        stage.served.call(stage.compute.resize, parts[-3], parts[-1], size)


def restart_empty(stage: Stage) -> None:
    resize(stage, 0)
    stage.advance(120)
    assert stage.nodes() == []


def test_a_node_is_named_and_labelled_as_gke_does(stage: Stage) -> None:
    node = stage.nodes()[0]
    labels, name = node["metadata"]["labels"], node["metadata"]["name"]
    zone = labels["topology.kubernetes.io/zone"]
    assert node["spec"]["providerID"] == f"gce://demo-project/{zone}/{name}"
    assert labels["cloud.google.com/gke-nodepool"] == "l4"
    assert labels["cloud.google.com/gke-accelerator"] == "nvidia-l4"
    assert labels["node.kubernetes.io/instance-type"] == "g2-standard-24"
    assert labels["cloud.google.com/gke-spot"] == "true"
    assert labels["team"] == "vision"
    assert {each["key"] for each in node["spec"]["taints"]} == {"dedicated", "nvidia.com/gpu"}
    assert node["status"]["capacity"]["cpu"] == "24" and node["status"]["allocatable"]["cpu"] == "23870m"
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "2"
    assert {each["type"] for each in node["status"]["addresses"]} == {"InternalIP", "ExternalIP", "Hostname"}


def test_gpus_come_minutes_after_ready(stage: Stage) -> None:
    restart_empty(stage)
    resize(stage, 1)
    until_ready = seconds_until(stage, ready)
    assert not any(useful(each) for each in stage.nodes())
    assert until_ready + seconds_until(stage, useful) > until_ready + 60


def test_a_boot_image_of_ours_makes_nodes_useful_several_times_sooner(stage: Stage) -> None:
    restart_empty(stage)
    resize(stage, 1)
    stock = seconds_until(stage, useful)
    restart_empty(stage)
    own_image(stage)
    resize(stage, 1)
    ours = seconds_until(stage, useful)
    assert ours < stock / 2


def test_baked_container_images_are_on_the_nodes_of_our_images_only(stage: Stage) -> None:
    stage.world.table("gke.bakedImages")["us-docker.pkg.dev/demo/serving/model:1"] = 12_000_000_000
    own_image(stage)
    resize(stage, 2)
    stage.advance(600)
    held = [
        any("serving/model" in name for image in node["status"]["images"] for name in image["names"])
        for node in stage.nodes()
    ]
    assert sorted(held) == [False, False, True, True]


def job(name: str, node: str, image: str = "us-docker.pkg.dev/demo/smoke:1") -> Json:
    pod = {
        "nodeName": node,
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": image}],
    }
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}


def test_a_job_pulls_only_what_its_node_has_not_and_what_is_pulled_stays(stage: Stage) -> None:
    stage.world.table("gke.bakedImages")["us-docker.pkg.dev/demo/smoke:1"] = 12_000_000_000
    own_image(stage)
    resize(stage, 2)
    stage.advance(600)
    said = {}
    for number, node in enumerate(stage.nodes()):
        for again in ("a", "b"):
            name = f"smoke-{number}{again}"
            stage.served.call(stage.kubernetes.create, "jobs.batch", job(name, node["metadata"]["name"]))
            stage.advance(120)
            events = stage.served.call(stage.kubernetes.list, "events")
            found = [each for each in events if each["involvedObject"]["name"].startswith(name)]
            said[name] = sum(each["reason"] == "Pulling" for each in found)
    pulled = [(said[f"smoke-{number}a"], said[f"smoke-{number}b"]) for number, _ in enumerate(stage.nodes())]
    assert sorted(pulled) == [(0, 0), (0, 0), (1, 0), (1, 0)]
    for node in stage.nodes():
        names = [name for image in node["status"]["images"] for name in image["names"]]
        assert "us-docker.pkg.dev/demo/smoke:1" in names


def test_a_node_lists_its_fifty_largest_images(stage: Stage) -> None:
    sizes = {f"us-docker.pkg.dev/demo/many:{number}": 10_000_000_000 - number for number in range(70)}
    stage.world.table("gke.bakedImages").update(sizes)
    restart_empty(stage)
    own_image(stage)
    resize(stage, 1)
    stage.advance(600)
    listed = [image["names"][0] for image in stage.nodes()[0]["status"]["images"]]
    assert listed == [f"us-docker.pkg.dev/demo/many:{number}" for number in range(50)]


def test_jobs_end_as_the_world_says_on_nodes_of_one_boot_image(stage: Stage) -> None:
    own_image(stage)
    resize(stage, 2)
    stage.advance(600)
    end = {"exitCode": 3, "message": "Xid 79", "bootImage": "poolwright-dev-1"}
    stage.world.table("gke.podEnds")["default/smoke-*"] = end
    for number, node in enumerate(stage.nodes()):
        stage.served.call(stage.kubernetes.create, "jobs.batch", job(f"smoke-{number}", node["metadata"]["name"]))
    stage.advance(300)
    ends = []
    for pod in stage.served.call(stage.kubernetes.list, "pods"):
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        ends.append((pod["status"]["phase"], ended["exitCode"], ended["reason"], ended.get("message", "")))
    assert sorted(ends) == [("Failed", 3, "Error", "Xid 79")] * 2 + [("Succeeded", 0, "Completed", "")] * 2


@pytest.mark.parametrize(
    ("breaks", "there", "is_ready", "has_gpus"),
    [("boot", False, False, False), ("ready", True, False, False), ("gpu", True, True, False)],
)
def test_a_broken_image_fails_in_the_way_it_is_told_to(
    stage: Stage, breaks: str, there: bool, is_ready: bool, has_gpus: bool
) -> None:
    restart_empty(stage)
    stage.world.table("gke.brokenImages")["poolwright-dev-1"] = breaks
    own_image(stage)
    resize(stage, 1)
    stage.advance(1200)
    nodes = stage.nodes()
    assert bool(nodes) == there
    assert any(ready(each) for each in nodes) == is_ready
    assert any(useful(each) for each in nodes) == has_gpus


def test_a_vm_with_a_spoiled_kube_env_never_becomes_a_node(stage: Stage) -> None:
    restart_empty(stage)
    for url in stage.rest.get_node_pool(name=POOL).instance_group_urls:
        for item in stage.template(url)["properties"]["metadata"]["items"]:
            if item["key"] == "kube-env":
                item["value"] = "KUBELET_ARGS: 'never closed"
    resize(stage, 1)
    stage.advance(1200)
    assert len(stage.world.table("compute.instances")) == 2
    assert stage.nodes() == []


def test_a_node_goes_with_its_vm_and_is_not_ready_while_it_stops(stage: Stage) -> None:
    parts = stage.rest.get_node_pool(name=POOL).instance_group_urls[0].split("/")
    (vm,) = stage.served.call(stage.compute.instances_of, parts[-3], parts[-1])
    stage.served.call(stage.compute.delete_instances, parts[-3], parts[-1], [vm["name"]])
    assert [ready(each) for each in stage.nodes() if each["metadata"]["name"] == vm["name"]] == [False]
    stage.advance(60)
    assert vm["name"] not in {each["metadata"]["name"] for each in stage.nodes()}


def test_a_recreated_vm_comes_back_as_a_new_node_of_the_same_name(stage: Stage) -> None:
    parts = stage.rest.get_node_pool(name=POOL).instance_group_urls[0].split("/")
    (vm,) = stage.served.call(stage.compute.instances_of, parts[-3], parts[-1])
    before = {each["metadata"]["name"]: each["metadata"]["uid"] for each in stage.nodes()}
    stage.served.call(stage.compute.delete_instance, parts[-3], vm["name"])
    stage.advance(900)
    after = {each["metadata"]["name"]: each["metadata"]["uid"] for each in stage.nodes()}
    assert before.keys() == after.keys() and before[vm["name"]] != after[vm["name"]]


def test_leases_are_kept_fresh(stage: Stage) -> None:
    name = stage.nodes()[0]["metadata"]["name"]

    def renewed() -> str:
        lease = stage.served.call(stage.kubernetes.get, "leases.coordination.k8s.io", name, "kube-node-lease")
        return str(lease["spec"]["renewTime"])

    first = renewed()
    stage.advance(30)
    assert renewed() > first


def test_monitoring_is_given_clusters_with_nodes_and_pods(stage: Stage) -> None:
    ((cluster, nodes, pods),) = stage.served.call(lambda: list(stage.gke.nodes_and_pods()))
    assert (cluster["name"], cluster["location"], len(nodes), pods) == ("serving", "us-central1", 2, [])


def fail(stage: Stage, node: str, how: str) -> None:
    stage.world.table("gke.failingNodes")[node] = how
    stage.served.call(stage.world.tell, "table.changed", "gke.failingNodes")


def readiness(stage: Stage, name: str) -> tuple[str, set[str]]:
    node = stage.served.call(stage.kubernetes.get, "nodes", name)
    (condition,) = (each for each in node["status"]["conditions"] if each["type"] == "Ready")
    keys = {each["key"] for each in node["spec"].get("taints", []) if each["key"].startswith("node.kubernetes.io/")}
    return condition["status"], keys


@pytest.mark.parametrize(
    ("how", "status", "taint"),
    [("NotReady", "False", "node.kubernetes.io/not-ready"), ("Unknown", "Unknown", "node.kubernetes.io/unreachable")],
)
def test_a_node_fails_and_recovers_as_it_is_told(stage: Stage, how: str, status: str, taint: str) -> None:
    failing, other = (each["metadata"]["name"] for each in stage.nodes())
    fail(stage, failing, how)
    stage.advance(60)
    assert readiness(stage, failing) == (status, {taint})
    assert readiness(stage, other) == ("True", set())
    fail(stage, failing, "")
    stage.advance(15)
    assert readiness(stage, failing) == ("True", set())


def test_a_node_that_is_heard_of_again_in_time_was_never_lost(stage: Stage) -> None:
    name = stage.nodes()[0]["metadata"]["name"]
    fail(stage, name, "Unknown")
    stage.advance(30)
    fail(stage, name, "")
    stage.advance(60)
    assert readiness(stage, name) == ("True", set())
