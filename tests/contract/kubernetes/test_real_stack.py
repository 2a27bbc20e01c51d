"""The stand-in on a real control plane: whose kubelets live, and where a Google identity is a User that RBAC judges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import credentials
from localcloud.kubernetes.controllers.kubelets import RUN_SECONDS, STOPPING_SECONDS
from tests.contract.kubernetes.clusters import budget_body, pod_body, workload
from tests.real_stack import RealStack, eventually

Json = dict[str, Any]

pytestmark = pytest.mark.kubernetes

TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists"}
CONFIG_MAPS = ("configmaps", "-n", "default")


@pytest.fixture
def clean(real_stack: RealStack) -> Iterator[RealStack]:
    yield real_stack
    real_stack.kubectl("delete", "deployments,jobs,poddisruptionbudgets,rolebindings,roles", "--all", "--wait")
    real_stack.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait")


def gpu_pod(name: str, gpus: int) -> Json:
    return pod_body(name, gpus=gpus, tolerations=[TOLERATION], terminationGracePeriodSeconds=30)


def phase(stack: RealStack, pod: str) -> str:
    return str(stack.json("pod", pod)["status"]["phase"])


def test_pods_run_where_the_scheduler_finds_gpus_and_wait_where_it_finds_none(clean: RealStack) -> None:
    clean.apply(*(gpu_pod(f"p{index}", 2) for index in range(3)))
    eventually(
        "two pods run", lambda: sorted(phase(clean, f"p{i}") for i in range(3)) == ["Pending", "Running", "Running"]
    )
    waiting = next(each for each in clean.json("pods")["items"] if each["status"]["phase"] == "Pending")
    (condition,) = (each for each in waiting["status"]["conditions"] if each["type"] == "PodScheduled")
    assert (condition["reason"], "Insufficient nvidia.com/gpu" in condition["message"]) == ("Unschedulable", True)
    hosts = {each["spec"].get("nodeName") for each in clean.json("pods")["items"]} - {None}
    assert hosts == {each["metadata"]["name"] for each in clean.nodes()}


def test_a_pod_of_a_job_ends_and_the_job_is_complete(clean: RealStack) -> None:
    spec = pod_body("x", gpus=1, tolerations=[TOLERATION], restartPolicy="Never")["spec"]
    clean.apply({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"},
        "spec": {"template": {"metadata": {"annotations": {RUN_SECONDS: "1"}}, "spec": spec}},
    })  # fmt: skip
    done = clean.kubectl("wait", "--for=condition=Complete", "job/smoke", "--timeout=60s")
    assert done.returncode == 0, done.stderr


def test_a_budget_lets_one_pod_go_and_forbids_the_next(clean: RealStack) -> None:
    web = workload("Deployment", "web", replicas=2)
    web["spec"]["template"]["spec"] |= {"tolerations": [TOLERATION]}
    clean.apply(web, budget_body("web", minAvailable=2))
    eventually("two healthy pods", lambda: clean.json("pdb", "web")["status"].get("currentHealthy") == 2)
    node = clean.json("pods")["items"][0]["spec"]["nodeName"]
    refused = clean.kubectl("drain", node, "--ignore-daemonsets", "--timeout=3s")
    clean.kubectl("uncordon", node)
    assert "violate the pod's disruption budget" in refused.stderr


def test_a_deleted_pod_takes_its_time_to_stop_and_is_gone_then(clean: RealStack) -> None:
    pod = gpu_pod("p", 1)
    pod["metadata"]["annotations"] = {STOPPING_SECONDS: "8"}
    clean.apply(pod)
    eventually("it runs", lambda: phase(clean, "p") == "Running")
    clean.kubectl("delete", "pod", "p", "--wait=false")
    assert clean.json("pod", "p")["metadata"]["deletionGracePeriodSeconds"] == 30
    assert clean.kubectl("wait", "--for=delete", "pod/p", "--timeout=60s").returncode == 0


@pytest.mark.parametrize(("how", "status"), [("NotReady", "False"), ("Unknown", "Unknown")])
def test_a_node_fails_and_recovers_as_it_is_told(clean: RealStack, how: str, status: str) -> None:
    name = clean.nodes()[0]["metadata"]["name"]
    clean.put_table("gke.failingNodes", {name: how})
    eventually("it fails", lambda: readiness(clean, name) == status, patience=90)  # 50 s of silence by default
    clean.put_table("gke.failingNodes", {name: ""})
    eventually("it is well", lambda: readiness(clean, name) == "True")
    eventually("pods may come", lambda: len(clean.json("node", name)["spec"]["taints"]) == 1)


def readiness(stack: RealStack, node: str) -> str:
    conditions = stack.json("node", node)["status"]["conditions"]
    return next(str(each["status"]) for each in conditions if each["type"] == "Ready")


def test_nodes_come_and_go_with_their_machines(clean: RealStack) -> None:
    """A group of two: the second node gets its GPUs after it is Ready, and leaves nothing behind."""
    zone, _, group = clean.groups[0].partition("/")
    resize = f"/compute/v1/projects/{clean.project}/zones/{zone}/instanceGroupManagers/{group}/resize?size="
    before = {each["metadata"]["name"] for each in clean.nodes()}
    assert clean.served.http("compute.googleapis.com", "POST", resize + "2", {})[0] == 200
    eventually("a third node serves", lambda: len(clean.nodes()) == 3)
    assert clean.served.http("compute.googleapis.com", "POST", resize + "1", {})[0] == 200
    eventually("one is gone", lambda: len(clean.json("nodes")["items"]) == 2)
    left = {each["metadata"]["name"] for each in clean.json("nodes")["items"]}
    assert len(before & left) >= 1
    eventually("no lease too many", lambda: set(names(clean, "leases", "-n", "kube-node-lease")) == left)


def names(stack: RealStack, *what: str) -> list[str]:
    return [each["metadata"]["name"] for each in stack.json(*what)["items"]]


def other_user(stack: RealStack, token: str) -> list[str]:
    """Options by which kubectl signs in with this token alone."""
    server = stack.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}").stdout
    return ["--server", server, "--insecure-skip-tls-verify", "--kubeconfig=/dev/null", f"--token={token}"]


def test_a_google_identity_is_the_user_that_is_its_email(clean: RealStack) -> None:
    email = f"somebody@{clean.project}.iam.gserviceaccount.com"
    whoami = clean.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", user=email)
    assert whoami.stdout == email
    refused = clean.kubectl("get", *CONFIG_MAPS, user=email)
    assert f'User "{email}" cannot list resource "configmaps"' in refused.stderr
    about = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    clean.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
         "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
         "roleRef": about, "subjects": [{"kind": "User", "name": email, "apiGroup": "rbac.authorization.k8s.io"}]},
    )  # fmt: skip
    eventually("the role counts", lambda: clean.kubectl("get", *CONFIG_MAPS, user=email).returncode == 0)
    uses = {(each.verb, each.resource, each.code) for each in clean.audit(email) if each.resource == "configmaps"}
    assert uses == {("list", "configmaps", 403), ("list", "configmaps", 200)}


def test_an_identity_whose_token_does_not_tell_its_email_is_the_user_that_is_its_number(clean: RealStack) -> None:
    email = f"somebody@{clean.project}.iam.gserviceaccount.com"
    token = clean.token(email, scopes=["https://www.googleapis.com/auth/cloud-platform"])
    whoami = clean.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", *other_user(clean, token))
    assert whoami.stdout == credentials.unique_id(email)


def test_a_token_that_nobody_minted_signs_nobody_in(clean: RealStack) -> None:
    assert "must be logged in" in clean.kubectl("get", "nodes", *other_user(clean, "ya29.made-up")).stderr


def test_the_person_who_made_the_cluster_may_do_everything_in_it(clean: RealStack) -> None:
    env = clean.served.environment
    assert clean.kubectl("--kubeconfig", env["KUBECONFIG"], "auth", "can-i", "*", "*").stdout.strip() == "yes"
