"""kubectl, unmodified."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.kubernetes.clusters import (
    Served,
    budget_body,
    definition_body,
    eventually,
    node_body,
    pod_body,
    widget_body,
    workload,
)

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing: its view of the API is not proved"),
]

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kubectl(served: Served, tmp_path: Path) -> Kubectl:
    """Run kubectl against the served cluster: arguments, and objects for its input."""
    entry = {"name": "test", "context": {"cluster": "test", "user": "test"}}
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test", "contexts": [entry],
        "clusters": [{"name": "test", "cluster": {"server": served.url, "certificate-authority": served.ca_file}}],
        "users": [{"name": "test", "user": {"token": served.token}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "config")}

    def run(*arguments: str, objects: Any = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        given = yaml.safe_dump_all(objects) if objects else None
        done = subprocess.run(
            ["kubectl", *arguments], input=given, text=True, capture_output=True, env=environment, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_it_gets_and_describes_nodes(served: Served, kubectl: Kubectl) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1", gpus=2)))
    assert cells(kubectl("get", "nodes").stdout)[0][:2] == ["n1", "Ready"]
    described = kubectl("describe", "node", "n1").stdout
    assert "nvidia.com/gpu:  2" in described
    assert kubectl("get", "node", "n1", "-o", "jsonpath={.status.allocatable.cpu}").stdout == "4"
    assert 'nodes "n9" not found' in kubectl("get", "node", "n9", code=1).stderr
    assert "the server doesn't have a resource type" in kubectl("get", "gizmos", code=1).stderr


def test_it_applies_changes_and_deletes(kubectl: Kubectl) -> None:
    body = workload("Deployment", "web", replicas=1)
    assert kubectl("apply", "-f", "-", objects=[body]).stdout == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", objects=[body]).stdout == "deployment.apps/web unchanged\n"
    body["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "registry.example/side:1"})
    assert kubectl("apply", "-f", "-", objects=[body]).stdout == "deployment.apps/web configured\n"
    del body["spec"]["template"]["spec"]["containers"][0]
    kubectl("apply", "-f", "-", objects=[body])
    path = "jsonpath={.spec.template.spec.containers[*].name}"
    assert kubectl("get", "deployment", "web", "-o", path).stdout == "side"
    kubectl("delete", "deployment", "web")
    assert "not found" in kubectl("get", "deployment", "web", code=1).stderr


def test_it_is_told_of_unknown_fields(kubectl: Kubectl) -> None:
    body = workload("Deployment", "web", replicas=1, colour="red")
    refused = kubectl("apply", "-f", "-", objects=[body], code=1).stderr
    assert 'strict decoding error: unknown field "spec.colour"' in refused


def test_it_applies_on_the_server_and_names_conflicts(kubectl: Kubectl) -> None:
    body = workload("Deployment", "web", replicas=1)
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", objects=[body]).stdout
    kubectl("scale", "deployment", "web", "--replicas=3")
    refused = kubectl("apply", "--server-side", "-f", "-", objects=[body], code=1).stderr
    assert "conflict" in refused
    assert ".spec.replicas" in refused
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", objects=[body])
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}").stdout == "1"


def test_it_patches_in_three_ways(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=1")
    kubectl("patch", "configmap", "c", "-p", '{"data":{"b":"2"}}')
    kubectl("patch", "configmap", "c", "--type=merge", "-p", '{"data":{"a":null}}')
    kubectl("patch", "configmap", "c", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]')
    assert kubectl("get", "configmap", "c", "-o", "jsonpath={.data}").stdout == '{"b":"2","c":"3"}'


def test_it_explains_and_lists_what_is_served(served: Served, kubectl: Kubectl) -> None:
    assert "maxUnavailable\t<IntOrString>" in kubectl("explain", "deployment.spec.strategy.rollingUpdate").stdout
    kubectl("apply", "-f", "-", objects=[definition_body()])
    kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=10s")

    def is_explained() -> bool:
        with contextlib.suppress(AssertionError):  # discovery follows a moment after
            return "size\t<integer> -required-" in kubectl("explain", "widget.spec").stdout
        return False

    eventually(is_explained, within=30)
    assert "widgets" in kubectl("api-resources", "--api-group=example.com", "-o", "name").stdout


def test_it_handles_custom_resources(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", objects=[definition_body()])
    kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=10s")
    kubectl("apply", "-f", "-", objects=[widget_body("w", {"size": 4})])
    assert kubectl("get", "wd").stdout.splitlines()[0].split() == ["NAME", "SIZE", "READY", "AGE"]
    assert cells(kubectl("get", "widgets").stdout)[0][:2] == ["w", "4"]
    kubectl("patch", "wd", "w", "--subresource=status", "--type=merge", "-p",
            '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}')  # fmt: skip
    kubectl("wait", "--for=condition=Ready", "wd/w", "--timeout=10s")
    refused = kubectl("apply", "-f", "-", objects=[widget_body("w", {"size": 40})], code=1).stderr
    assert "spec.size in body should be less than or equal to 9" in refused
    assert "spec.size" in kubectl("describe", "wd", "w").stdout or "Size:" in kubectl("describe", "wd", "w").stdout
    kubectl("delete", "crd", "widgets.example.com", "--timeout=20s")
    assert "could not find the requested resource" in kubectl("get", "wd", code=1).stderr


def test_it_cordons_and_uncordons(served: Served, kubectl: Kubectl) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    kubectl("cordon", "n1")
    assert cells(kubectl("get", "nodes").stdout)[0][1] == "Ready,SchedulingDisabled"
    kubectl("uncordon", "n1")
    eventually(lambda: not served.call(lambda api: api.get("nodes", "n1"))["spec"].get("taints"))


def test_it_drains_a_node_within_its_budgets(served: Served, kubectl: Kubectl) -> None:
    """Daemon pods stay, the others move one after the other; a node that has a pod nobody may touch is not drained."""
    for name in ("n1", "n2"):
        body = node_body(name)
        served.call(lambda api, body=body: api.create("nodes", body))  # type: ignore[misc]
    kubectl("apply", "-f", "-", objects=[
        workload("Deployment", "web", replicas=4), workload("DaemonSet", "agent"), budget_body("web", minAvailable=2),
    ])  # fmt: skip
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    refused = kubectl("drain", "n1", "--timeout=20s", code=1).stderr
    assert "cannot delete DaemonSet-managed Pods" in refused
    assert "node/n1 drained" in kubectl("drain", "n1", "--ignore-daemonsets", "--timeout=50s").stdout
    pods = served.call(lambda api: api.list("pods"))
    assert [p["metadata"]["labels"]["app"] for p in pods if p["spec"].get("nodeName") == "n1"] == ["agent"]
    kubectl("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":4}}')
    refused = kubectl("drain", "n2", "--ignore-daemonsets", "--timeout=1s", code=1).stderr
    assert "Cannot evict pod as it would violate the pod's disruption budget" in refused


def test_it_follows_a_job_and_watches_pods(served: Served, kubectl: Kubectl) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    kubectl("create", "job", "j", "--image=registry.example/app:1")
    kubectl("wait", "--for=condition=complete", "job/j", "--timeout=20s")
    assert cells(kubectl("get", "jobs").stdout)[0][1:3] == ["Complete", "1/1"]
    served.call(lambda api: api.create("pods", pod_body("p")))
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/p", "--timeout=20s")
    assert "Scheduled" in kubectl("get", "events").stdout


def test_it_is_administrator(served: Served, kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "pods").stdout == "yes\n"
    assert served.user in kubectl("auth", "whoami").stdout
    kubectl("create", "serviceaccount", "robot")
    assert kubectl("create", "token", "robot").stdout.strip()
    version = served.request("GET", "/version")[1]["gitVersion"]
    assert f"Server Version: {version}" in kubectl("version").stdout
