"""gcloud, unmodified, on clusters and node pools; kubectl on the control plane it was given credentials for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.service_usage import ServiceUsage
from tests.contract.conftest import Served
from tests.contract.gke.conftest import CLUSTER, HOST, Stage

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud's container commands are not proved: no gcloud"),
]
WHERE = ("--location=us-central1",)


class Shell:
    """gcloud and kubectl against a GKE whose time runs 300 times as fast."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        (folder / "token").write_text("any")
        self.environment = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_CORE_PROJECT": "demo-project",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(folder / "token"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"{stage.served.endpoints[HOST]}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": f"{stage.served.endpoints['serviceusage.googleapis.com']}/",
            "KUBECONFIG": str(folder / "kubeconfig"),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def gcloud(self, *words: str) -> str:
        """What `gcloud container ...` prints; it has to succeed."""
        answer = self.run("gcloud", "container", *words)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def begun(self, *words: str) -> None:
        """`gcloud container ... --async`, until its operation is over: gcloud itself looks only every few seconds."""
        self.gcloud(*words, "--async")
        operations = self.stage.world.table("gke.operations")
        while any(each["operation"]["status"] != "DONE" for each in list(operations.values())):
            time.sleep(0.05)

    def refused(self, *words: str) -> str:
        """What `gcloud container ...` complains about; it has to fail."""
        answer = self.run("gcloud", "container", *words)
        assert answer.returncode != 0, answer.stdout
        return answer.stderr


@pytest.fixture
def shell(served: Callable[..., Served], tmp_path: Path) -> Iterator[Shell]:
    made = served(speed=300)
    usage = ServiceUsage(made.world, [HOST])
    made.call(made.listeners.serve_http, "serviceusage.googleapis.com", usage.serve)
    yield Shell(Stage(made), tmp_path)


def test_clusters_are_made_listed_described_and_deleted(shell: Shell) -> None:
    shell.begun("clusters", "create", "fresh", "--zone=us-east1-b", "--num-nodes=1")
    assert shell.stage.rest.get_cluster(name="projects/demo-project/locations/us-east1-b/clusters/fresh").endpoint
    listed = json.loads(shell.gcloud("clusters", "list", "--format=json"))
    assert [(each["name"], each["status"]) for each in listed] == [("serving", "RUNNING"), ("fresh", "RUNNING")]
    described = json.loads(shell.gcloud("clusters", "describe", "fresh", "--zone=us-east1-b", "--format=json"))
    assert described["currentNodeCount"] == 1
    shell.begun("clusters", "delete", "fresh", "--zone=us-east1-b")
    assert [
        each.name for each in shell.stage.rest.list_clusters(parent="projects/demo-project/locations/-").clusters
    ] == ["serving"]


def test_what_is_wrong_with_clusters_is_said_in_googles_words(shell: Shell) -> None:
    missing = f"code=404, message=Not found: {CLUSTER.replace('serving', 'nope')}."
    assert missing in shell.refused("clusters", "describe", "nope", *WHERE)
    assert missing in shell.refused("clusters", "get-credentials", "nope", *WHERE)
    assert missing in shell.refused("clusters", "delete", "nope", *WHERE)
    taken = shell.refused("clusters", "create", "serving", "--num-nodes=1", *WHERE)
    assert f"code=409, message=Already exists: {CLUSTER}." in taken
    assert "operations/nope" in shell.refused("operations", "describe", "nope", *WHERE)


def test_node_pools_are_made_listed_described_updated_and_deleted(shell: Shell) -> None:
    at = ("--cluster=serving", *WHERE)
    shell.begun(
        "node-pools", "create", "extra", *at, "--machine-type=g2-standard-24", "--num-nodes=1", "--spot",
        "--node-locations=us-central1-b", "--accelerator=type=nvidia-l4,count=2", "--node-labels=a=b",
        "--node-taints=x=y:NoSchedule",
    )  # fmt: skip
    pool = shell.stage.rest.get_node_pool(name=f"{CLUSTER}/nodePools/extra")
    assert (pool.config.spot, dict(pool.config.labels), list(pool.locations)) == (True, {"a": "b"}, ["us-central1-b"])
    listed = json.loads(shell.gcloud("node-pools", "list", *at, "--format=json"))
    assert [each["name"] for each in listed] == ["l4", "extra"]
    shell.gcloud("node-pools", "update", "extra", *at, "--node-labels=c=d")
    described = json.loads(shell.gcloud("node-pools", "describe", "extra", *at, "--format=json"))
    assert described["config"]["labels"] == {"c": "d"}
    shell.begun("node-pools", "delete", "extra", *at)
    kinds = json.loads(shell.gcloud("operations", "list", "--format=json"))
    assert [each["operationType"] for each in kinds] == ["CREATE_NODE_POOL", "UPDATE_CLUSTER", "DELETE_NODE_POOL"]


def test_what_is_wrong_with_node_pools_is_said_in_googles_words(shell: Shell) -> None:
    at = ("--cluster=serving", *WHERE)
    missing = f"code=404, message=Not found: {CLUSTER}/nodePools/nope."
    for command in (("describe", "nope"), ("delete", "nope"), ("update", "nope", "--node-labels=a=b")):
        assert missing in shell.refused("node-pools", *command, *at)
    taken = shell.refused("node-pools", "create", "l4", *at)
    assert f"code=409, message=Already exists: {CLUSTER}/nodePools/l4." in taken
    unknown = shell.refused("node-pools", "create", "odd", *at, "--machine-type=x9-huge")
    assert 'code=400, message=Machine type with name "x9-huge" does not exist in zone' in unknown


@pytest.mark.kubectl
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="get-credentials is not proved to the end: no kubectl here")
def test_kubectl_works_with_the_credentials_that_gcloud_gets(shell: Shell) -> None:
    shell.gcloud("clusters", "get-credentials", "serving", *WHERE)
    answer = shell.run("kubectl", "get", "nodes", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    assert {each["metadata"]["name"] for each in json.loads(answer.stdout)["items"]} == {
        each["metadata"]["name"] for each in shell.stage.nodes()
    }
