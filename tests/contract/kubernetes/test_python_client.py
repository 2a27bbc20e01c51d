"""The official Python client, unmodified: typed, dynamic, watch, informer."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from kubernetes import client, dynamic, watch
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes import KubernetesApi
from tests.contract.kubernetes.clusters import (
    Clock,
    Served,
    budget_body,
    define_widgets,
    definition_body,
    eventually,
    node_body,
    pod_body,
    widget_body,
    workload,
)


@pytest.fixture
def core(python: client.ApiClient) -> Any:
    return client.CoreV1Api(python)


def test_every_object_it_reads_passes_its_own_models(served: Served, python: client.ApiClient, core: Any) -> None:
    """The client refuses answers that lack a required field."""
    served.call(lambda api: api.create("nodes", node_body("n1")))
    served.call(lambda api: api.create("deployments.apps", workload("Deployment", "web", replicas=1)))
    served.call(lambda api: api.create("daemonsets.apps", workload("DaemonSet", "agent")))
    served.call(lambda api: api.create("poddisruptionbudgets.policy", budget_body("web", minAvailable=0)))
    served.call(lambda api: api.create("customresourcedefinitions.apiextensions.k8s.io", definition_body()))
    job = {"template": {"spec": {**pod_body("x")["spec"], "restartPolicy": "Never"}}}
    served.call(lambda api: api.create("jobs.batch", {"metadata": {"name": "j"}, "spec": job}))
    batch = client.BatchV1Api(python)
    eventually(lambda: batch.read_namespaced_job("j", "default").status.succeeded == 1)
    apps = client.AppsV1Api(python)
    eventually(lambda: apps.read_namespaced_deployment("web", "default").status.available_replicas == 1)
    assert apps.list_replica_set_for_all_namespaces().items[0].status.replicas == 1
    eventually(lambda: apps.read_namespaced_daemon_set("agent", "default").status.number_ready == 1)
    policy = client.PolicyV1Api(python)
    eventually(lambda: policy.read_namespaced_pod_disruption_budget("web", "default").status.expected_pods == 1)
    definitions = client.ApiextensionsV1Api(python).list_custom_resource_definition().items
    assert definitions[0].status.stored_versions == ["v1"]
    assert core.list_node().items[0].status.allocatable["cpu"] == "4"
    assert {pod.status.phase for pod in core.list_pod_for_all_namespaces().items} == {"Running", "Succeeded"}
    assert core.list_event_for_all_namespaces().items
    assert {n.metadata.name for n in core.list_namespace().items} >= {"default", "kube-system"}
    assert client.VersionApi(python).get_code().git_version == served.request("GET", "/version")[1]["gitVersion"]
    assert "apps" in {group.name for group in client.ApisApi(python).get_api_versions().groups}


def test_a_watch_sees_a_pod_from_its_creation_to_its_end(served: Served, core: Any) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    seen: list[tuple[str, str]] = []
    begins = core.list_namespaced_pod("default").metadata.resource_version

    def follow() -> None:
        stream = watch.Watch()
        for event in stream.stream(
            core.list_namespaced_pod, "default", resource_version=begins, timeout_seconds=20, label_selector="app=x"
        ):
            pod = event["object"]
            seen.append((event["type"], pod.status.phase))
            if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None:
                core.delete_namespaced_pod(pod.metadata.name, "default")
            if event["type"] == "DELETED":
                stream.stop()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    core.create_namespaced_pod("default", pod_body("other"))
    core.create_namespaced_pod("default", pod_body("p", labels={"app": "x"}))
    thread.join(20)
    assert not thread.is_alive()
    assert seen[0] == ("ADDED", "Pending")
    assert ("MODIFIED", "Running") in seen
    assert [kind for kind, _ in seen].count("DELETED") == 1


def test_a_watch_tells_an_object_that_leaves_its_selection_as_deleted(served: Served, core: Any) -> None:
    core.create_namespaced_config_map("default", {"metadata": {"name": "c", "labels": {"pool": "a"}}})
    begins = core.list_namespaced_config_map("default").metadata.resource_version
    for pool in ("b", "a"):
        core.patch_namespaced_config_map("c", "default", {"metadata": {"labels": {"pool": pool}}})
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, "default", label_selector="pool=a", resource_version=begins, timeout_seconds=1
    )
    assert [event["type"] for event in stream] == ["DELETED", "ADDED"]


def test_a_watch_from_before_a_restart_is_gone(clock: Clock) -> None:
    tables: dict[str, Any] = {}
    before = KubernetesApi(now=clock, tables=tables).create("nodes", node_body("n1"))
    again = Served(tables)
    core = client.CoreV1Api(client.ApiClient(client.Configuration(host=again.url)))
    version = str(int(before["metadata"]["resourceVersion"]) - 1)
    with pytest.raises(ApiException) as gone:
        list(watch.Watch().stream(core.list_node, resource_version=version, timeout_seconds=1))
    again.stop()
    assert gone.value.status == 410


def test_a_watch_can_ask_for_the_present_state_first(served: Served) -> None:
    import json

    served.call(lambda api: api.create("nodes", node_body("n1")))
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    with served.open(f"/api/v1/nodes?{query}") as response:
        events = [json.loads(line) for line in response]
    assert [event["type"] for event in events[:2]] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    code, status = served.request("GET", "/api/v1/nodes?watch=1&sendInitialEvents=true")
    assert (code, status["reason"]) == (422, "Invalid")


def test_an_error_carries_its_reason(core: Any) -> None:
    with pytest.raises(ApiException) as refused:
        core.read_namespaced_pod("none", "default")
    assert (refused.value.status, refused.value.reason) == (404, "Not Found")


def test_an_eviction_and_a_node_patch_go_through(served: Served, core: Any) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    core.patch_node("n1", {"spec": {"unschedulable": True}})
    assert core.read_node("n1").spec.unschedulable is True
    eventually(lambda: core.read_node("n1").spec.taints)
    core.create_namespaced_pod("default", pod_body("p"))
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="p", namespace="default"))
    core.create_namespaced_pod_eviction("p", "default", eviction)
    with pytest.raises(ApiException):
        core.read_namespaced_pod("p", "default")


def test_custom_objects_and_their_status(served: Served, python: client.ApiClient) -> None:
    define_widgets(served)
    custom = client.CustomObjectsApi(python)
    where = ("example.com", "v1", "default", "widgets")
    custom.create_namespaced_custom_object(*where, widget_body("w", {"size": 1}))
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    custom.patch_namespaced_custom_object_status(*where, "w", ready)
    read = custom.get_namespaced_custom_object(*where, "w")
    assert (read["spec"]["colour"], read["status"]) == ("red", ready["status"])
    with pytest.raises(ApiException) as stale:
        old = {**read, "metadata": {**read["metadata"], "resourceVersion": "2"}}
        custom.replace_namespaced_custom_object(*where, "w", old)
    assert stale.value.status == 409
    listed = custom.list_cluster_custom_object("example.com", "v1", "widgets")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["w"]


def test_the_dynamic_client_finds_and_applies(served: Served, python: client.ApiClient) -> None:
    define_widgets(served)
    found = dynamic.DynamicClient(python).resources.get(api_version="example.com/v1", kind="Widget")
    made = found.server_side_apply(widget_body("w", {"size": 2}), name="w", namespace="default", field_manager="tests")
    assert (made.spec.size, made.metadata.managedFields[0].manager) == (2, "tests")
    assert found.get(name="w", namespace="default").spec.colour == "red"
