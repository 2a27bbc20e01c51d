"""kubectl, as it is installed, on a cluster of the small world; the Python client sees what it did."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from kubernetes import client, config

from tests.end_to_end.serving import PROJECT, SMALL, Served, Tool, eventually, serve

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: its commands go untried"),
]
CONTEXT = f"gke_{PROJECT}_us-central1_serving"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    with serve("--state", str(SMALL), "--speed", "60") as served:
        yield served


@pytest.fixture(scope="module")
def kubectl(cloud: Served) -> Tool:
    return Tool(cloud, "kubectl", f"--context={CONTEXT}")


@pytest.fixture(scope="module")
def core(cloud: Served) -> client.CoreV1Api:
    file = cloud.manifest["env"]["KUBECONFIG"]
    return client.CoreV1Api(config.new_client_from_config(file, context=CONTEXT))


def config_map(name: str, **data: object) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


def test_get_and_describe(kubectl: Tool, core: client.CoreV1Api) -> None:
    names = [each.metadata.name for each in core.list_node().items]
    assert kubectl("get nodes --output=name").split() == [f"node/{each}" for each in names]
    described = kubectl(f"describe node {names[0]}")
    assert names[0] in described
    assert "Allocatable:" in described
    assert 'nodes "none" not found' in kubectl.refused("get node none")
    assert 'the server doesn\'t have a resource type "nothings"' in kubectl.refused("get nothings")
    assert 'pods "none" not found' in kubectl.refused("describe pod none")


def test_apply_patch_and_delete(kubectl: Tool, core: client.CoreV1Api) -> None:
    assert "created" in kubectl("apply --filename=-", stdin=config_map("mine", a="1", b="2"))
    assert "configured" in kubectl("apply --filename=-", stdin=config_map("mine", a="3"))
    assert core.read_namespaced_config_map("mine", "default").data == {"a": "3"}
    kubectl("""patch configmap mine --type=merge --patch '{"data": {"c": "4"}}'""")
    assert core.read_namespaced_config_map("mine", "default").data == {"a": "3", "c": "4"}
    kubectl("delete configmap mine")
    assert "mine" not in [each.metadata.name for each in core.list_namespaced_config_map("default").items]
    assert 'configmaps "mine" not found' in kubectl.refused("delete configmap mine")
    assert 'configmaps "mine" not found' in kubectl.refused("patch configmap mine --patch={}")
    assert "Invalid value" in kubectl.refused("apply --filename=-", stdin=config_map("Bad_Name"))


def test_cordon_and_drain(kubectl: Tool, core: client.CoreV1Api) -> None:
    pod = core.list_namespaced_pod("default").items[0]
    node = pod.spec.node_name
    kubectl(f"cordon {node}")
    assert core.read_node(node).spec.unschedulable
    kubectl(f"uncordon {node}")
    assert not core.read_node(node).spec.unschedulable
    kubectl(f"drain {node} --ignore-daemonsets --delete-emptydir-data --force --timeout=60s")
    assert core.read_node(node).spec.unschedulable

    def emptied() -> bool:
        found = core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={node}").items
        return all(each.metadata.owner_references[0].kind == "DaemonSet" for each in found)

    eventually(emptied, "the drained node is empty")
    kubectl(f"uncordon {node}")
    assert 'nodes "none" not found' in kubectl.refused("cordon none")
    assert 'nodes "none" not found' in kubectl.refused("drain none")


@pytest.mark.slow
def test_a_drain_waits_for_a_disruption_budget(kubectl: Tool, core: client.CoreV1Api) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "all"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {}}},
    }
    eventually(
        lambda: all(each.status.phase == "Running" for each in core.list_namespaced_pod("default").items),
        "every pod runs",
    )
    kubectl("apply --filename=-", stdin=json.dumps(budget))
    eventually(
        lambda: "ALLOWED" in (said := kubectl("get poddisruptionbudgets")) and " 0 " in said, "the budget is counted"
    )
    node = next(each.spec.node_name for each in core.list_namespaced_pod("default").items if each.spec.node_name)
    said = kubectl.refused(f"drain {node} --ignore-daemonsets --delete-emptydir-data --force --timeout=2s")
    assert "Cannot evict pod as it would violate the pod's disruption budget" in said
    kubectl("delete poddisruptionbudget all")
    kubectl(f"uncordon {node}")
