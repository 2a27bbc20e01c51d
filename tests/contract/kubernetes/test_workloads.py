"""Schedulers, controllers and kubelets, under a clock in hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.kubernetes import ApiError, Ending, KubernetesApi, Machines
from tests.contract.kubernetes.clusters import Clock, budget_body, node_body, pod_body, workload

Json = dict[str, Any]


def settle(cluster: KubernetesApi, clock: Clock, seconds: float = 10) -> None:
    """Let time pass second by second."""
    cluster.reconcile()
    for _ in range(int(seconds)):
        clock.now += 1
        cluster.reconcile()


def phases(cluster: KubernetesApi) -> list[str]:
    return sorted(pod["status"]["phase"] for pod in cluster.list("pods"))


def test_a_pod_is_bound_and_then_runs_on_a_ready_node(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("pods", pod_body("p"))
    cluster.reconcile()
    pod = cluster.get("pods", "p", "default")
    assert pod["spec"]["nodeName"] == "n1"
    assert pod["status"]["phase"] == "Pending"
    settle(cluster, clock)
    pod = cluster.get("pods", "p", "default")
    assert pod["status"]["phase"] == "Running"
    assert {c["type"]: c["status"] for c in pod["status"]["conditions"]}["Ready"] == "True"


class Slow(Machines):
    def start_seconds(self, pod: Json, node: Json) -> float:
        return 300.0


def test_pods_start_when_the_world_says_they_can(clock: Clock) -> None:
    cluster = KubernetesApi(now=clock, tables={}, machines=Slow())
    cluster.create("nodes", node_body("n1"))
    cluster.create("pods", pod_body("p"))
    settle(cluster, clock, 200)
    assert phases(cluster) == ["Pending"]
    settle(cluster, clock, 150)
    assert phases(cluster) == ["Running"]


def test_a_gpu_pod_waits_until_gpus_are_allocatable(cluster: KubernetesApi, clock: Clock) -> None:
    for name in ("n1", "n2", "n3"):
        cluster.create("nodes", node_body(name))
    cluster.create("pods", pod_body("p", gpus=1))
    cluster.reconcile()
    condition = cluster.get("pods", "p", "default")["status"]["conditions"][0]
    assert condition["reason"] == "Unschedulable"
    assert condition["message"] == "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    amounts = {"nvidia.com/gpu": "1"}
    cluster.patch("nodes", "n2", {"status": {"allocatable": amounts, "capacity": amounts}}, subresource="status")
    settle(cluster, clock)
    assert cluster.get("pods", "p", "default")["spec"]["nodeName"] == "n2"


def test_two_pods_never_share_one_gpu(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1", gpus=1))
    for name in ("a", "b"):
        cluster.create("pods", pod_body(name, gpus=1))
    settle(cluster, clock)
    assert phases(cluster) == ["Pending", "Running"]


REFUSALS = [
    ({"nodeSelector": {"zone": "b"}}, {}, "1 node(s) didn't match Pod's node affinity/selector"),
    ({}, {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}, "1 node(s) had untolerated taint {k: v}"),
    ({}, {"unschedulable": True}, "1 node(s) were unschedulable"),
]


@pytest.mark.parametrize(("pod", "node", "reason"), REFUSALS)
def test_the_scheduler_says_why_a_node_will_not_do(cluster: KubernetesApi, pod: Json, node: Json, reason: str) -> None:
    cluster.create("nodes", {**node_body("n1"), "spec": node})
    cluster.create("pods", pod_body("p", **pod))
    cluster.reconcile()
    condition = cluster.get("pods", "p", "default")["status"]["conditions"][0]
    assert condition["message"] == f"0/1 nodes are available: {reason}."


def test_required_node_affinity_and_tolerations_choose_the_node(cluster: KubernetesApi, clock: Clock) -> None:
    gpu = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    cluster.create("nodes", node_body("plain", pool="cpu"))
    cluster.create("nodes", {**node_body("tainted", pool="gpu"), "spec": {"taints": [gpu]}})
    expression = {"key": "pool", "operator": "In", "values": ["gpu"]}
    needed = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": needed}}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    cluster.create("pods", pod_body("p", affinity=affinity, tolerations=tolerations))
    settle(cluster, clock)
    assert cluster.get("pods", "p", "default")["spec"]["nodeName"] == "tainted"


def test_a_deployment_runs_its_replicas_and_heals(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("deployments.apps", workload("Deployment", "web", replicas=3))
    settle(cluster, clock)
    assert cluster.get("deployments.apps", "web", "default")["status"]["availableReplicas"] == 3
    cluster.delete("pods", cluster.list("pods")[0]["metadata"]["name"], "default")
    settle(cluster, clock)
    assert phases(cluster) == ["Running"] * 3


def test_a_rolling_update_never_drops_below_what_is_allowed(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}
    body = workload("Deployment", "web", replicas=4, strategy=rolling)
    cluster.create("deployments.apps", body)
    settle(cluster, clock)
    change = {"spec": {"template": {"metadata": {"annotations": {"round": "2"}}}}}
    cluster.patch("deployments.apps", "web", change, "default")
    seen: list[tuple[int, int]] = []
    for _ in range(40):
        clock.now += 1
        cluster.reconcile()
        alive = [pod for pod in cluster.list("pods") if "deletionTimestamp" not in pod["metadata"]]
        seen.append((sum(pod["status"]["phase"] == "Running" for pod in alive), len(alive)))
    assert min(running for running, _ in seen) >= 3
    assert max(total for _, total in seen) <= 5
    assert {pod["metadata"]["annotations"]["round"] for pod in cluster.list("pods")} == {"2"}
    assert cluster.get("deployments.apps", "web", "default")["status"]["updatedReplicas"] == 4


def test_a_daemon_set_runs_once_on_every_node_that_matches(cluster: KubernetesApi, clock: Clock) -> None:
    for name, pool in (("n1", "gpu"), ("n2", "gpu"), ("n3", "cpu")):
        cluster.create("nodes", node_body(name, pool=pool))
    body = workload("DaemonSet", "agent")
    body["spec"]["template"]["spec"]["nodeSelector"] = {"pool": "gpu"}
    cluster.create("daemonsets.apps", body)
    settle(cluster, clock)
    assert sorted(pod["spec"]["nodeName"] for pod in cluster.list("pods")) == ["n1", "n2"]
    cluster.create("nodes", node_body("n4", pool="gpu"))
    settle(cluster, clock)
    assert cluster.get("daemonsets.apps", "agent", "default")["status"]["numberReady"] == 3


def test_a_job_completes_after_the_seconds_it_announces(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    spec = {"completions": 2, "template": {"spec": {**pod_body("x")["spec"], "restartPolicy": "Never"}}}
    annotations = {"localcloud.poolwright.dev/run-seconds": "30"}
    cluster.create("jobs.batch", {"metadata": {"name": "j", "annotations": annotations}, "spec": spec})
    settle(cluster, clock, 20)
    assert cluster.get("jobs.batch", "j", "default")["status"]["active"] == 1
    settle(cluster, clock, 80)
    status = cluster.get("jobs.batch", "j", "default")["status"]
    assert status["succeeded"] == 2
    assert "Complete" in {c["type"] for c in status["conditions"] if c["status"] == "True"}


class Ended(Machines):
    def ending(self, pod: Json, node: Json) -> Ending:
        return Ending(seconds=20, exit_code=137, reason="OOMKilled")


@pytest.mark.parametrize(("restarts", "pods", "restart_count"), [("Never", 2, 0), ("OnFailure", 0, 1)])
def test_a_job_whose_pods_fail_gives_up_at_its_limit(
    clock: Clock, restarts: str, pods: int, restart_count: int
) -> None:
    cluster = KubernetesApi(now=clock, tables={}, machines=Ended())
    cluster.create("nodes", node_body("n1"))
    template = {"spec": {**pod_body("x")["spec"], "restartPolicy": restarts}}
    cluster.create("jobs.batch", {"metadata": {"name": "j"}, "spec": {"backoffLimit": 1, "template": template}})
    settle(cluster, clock, 24)
    for pod in cluster.list("pods"):
        state = pod["status"]["containerStatuses"][0]
        assert state["restartCount"] in (0, restart_count)
        ended = state["state"].get("terminated") or state["lastState"].get("terminated")
        assert ended is None or (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    settle(cluster, clock, 60)
    status = cluster.get("jobs.batch", "j", "default")["status"]
    failed = next(each for each in status["conditions"] if each["type"] == "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "BackoffLimitExceeded")
    assert phases(cluster) == ["Failed"] * pods


class Stocked(Machines):
    """Nodes that hold the image of pod_body, and get what they pull."""

    def start_seconds(self, pod: Json, node: Json) -> float:
        return 70.5

    def image_bytes(self, node: Json, image: str) -> int | None:
        return 7 if image == "registry/held:1" else None

    def pulled(self, node: Json, image: str) -> int:
        return 5


@pytest.mark.parametrize(
    ("image", "version", "said"),
    [
        ("registry/held:1", "v1.33.5-gke.1", ['Container image "registry/held:1" already present on machine']),
        (
            "registry/held:1",
            "v1.35.1-gke.1",
            ['Container image "registry/held:1" already present on machine and can be accessed by the pod'],
        ),
        (
            "registry/other:1",
            "v1.33.5-gke.1",
            [
                'Pulling image "registry/other:1"',
                'Successfully pulled image "registry/other:1" in 1m11s (1m11s including waiting). Image size: 5 bytes.',
            ],
        ),
    ],
)
def test_a_kubelet_says_whether_it_pulls_an_image(clock: Clock, image: str, version: str, said: list[str]) -> None:
    cluster = KubernetesApi(now=clock, tables={}, machines=Stocked())
    node = node_body("n1")
    node["status"]["nodeInfo"] = {"kubeletVersion": version}
    cluster.create("nodes", node)
    body = pod_body("p")
    body["spec"]["containers"] = [{"name": "main", "image": image}]
    cluster.create("pods", body)
    settle(cluster, clock, 80)
    events = [each for each in cluster.list("events") if each["source"] == {"component": "kubelet", "host": "n1"}]
    assert sorted(each["message"] for each in events) == sorted(said)
    assert {each["involvedObject"]["fieldPath"] for each in events} == {"spec.containers{main}"}
    assert {each["reason"] for each in events} == ({"Pulling", "Pulled"} if len(said) > 1 else {"Pulled"})


def test_pods_of_a_deleted_node_are_gone_and_replaced_elsewhere(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("deployments.apps", workload("Deployment", "web", replicas=2))
    settle(cluster, clock)
    cluster.create("nodes", node_body("n2"))
    cluster.delete("nodes", "n1")
    settle(cluster, clock)
    assert {pod["spec"]["nodeName"] for pod in cluster.list("pods")} == {"n2"}


def test_an_unready_node_is_tainted_and_its_pods_leave_after_their_toleration(
    cluster: KubernetesApi, clock: Clock
) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("pods", pod_body("p"))
    settle(cluster, clock)
    cluster.patch("nodes", "n1", node_body("n1", ready=False), subresource="status")
    settle(cluster, clock, 100)
    assert {t["effect"] for t in cluster.get("nodes", "n1")["spec"]["taints"]} == {"NoSchedule", "NoExecute"}
    assert "deletionTimestamp" not in cluster.get("pods", "p", "default")["metadata"]
    settle(cluster, clock, 250)
    assert "deletionTimestamp" in cluster.get("pods", "p", "default")["metadata"]


def test_a_deleted_pod_stops_within_its_grace(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("pods", pod_body("p"))
    settle(cluster, clock)
    cluster.delete("pods", "p", "default")
    cluster.reconcile()
    assert cluster.get("pods", "p", "default")["metadata"]["deletionGracePeriodSeconds"] == 30
    settle(cluster, clock, 5)
    assert not cluster.list("pods")


def test_dependents_go_with_their_owner(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("deployments.apps", workload("Deployment", "web", replicas=2))
    settle(cluster, clock)
    cluster.delete("deployments.apps", "web", "default")
    settle(cluster, clock)
    assert not cluster.list("pods")
    assert not cluster.list("replicasets.apps")


def test_an_object_with_a_finalizer_stays_until_it_is_lifted(cluster: KubernetesApi) -> None:
    cluster.create("configmaps", {"metadata": {"name": "c", "finalizers": ["example.com/hold"]}})
    cluster.delete("configmaps", "c", "default")
    cluster.reconcile()
    assert "deletionTimestamp" in cluster.get("configmaps", "c", "default")["metadata"]
    cluster.patch("configmaps", "c", {"metadata": {"finalizers": None}}, "default")
    with pytest.raises(ApiError, match='configmaps "c" not found'):
        cluster.get("configmaps", "c", "default")


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [({"minAvailable": 3}, 1), ({"maxUnavailable": 1}, 1), ({"minAvailable": "50%"}, 2), ({"maxUnavailable": 0}, 0)],
)
def test_a_budget_counts_what_may_go(cluster: KubernetesApi, clock: Clock, spec: Json, allowed: int) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("deployments.apps", workload("Deployment", "web", replicas=4))
    cluster.create("poddisruptionbudgets.policy", budget_body("web", **spec))
    settle(cluster, clock)
    status = cluster.get("poddisruptionbudgets.policy", "web", "default")["status"]
    assert (status["disruptionsAllowed"], status["currentHealthy"]) == (allowed, 4)


def test_reconcile_writes_nothing_when_nothing_is_due(cluster: KubernetesApi, clock: Clock) -> None:
    cluster.create("nodes", node_body("n1"))
    cluster.create("deployments.apps", workload("Deployment", "web", replicas=2))
    cluster.create("poddisruptionbudgets.policy", budget_body("web", minAvailable=1))
    cluster.create("pods", pod_body("waits", gpus=1))
    settle(cluster, clock, 30)
    changes: list[Any] = []
    cluster.subscribe(changes.append)
    settle(cluster, clock, 30)
    assert changes == []


def test_a_saved_cluster_goes_on_where_it_was(clock: Clock) -> None:
    tables: dict[str, Json] = {}
    cluster = KubernetesApi(now=clock, tables=tables)
    cluster.create("nodes", node_body("n1"))
    cluster.create("deployments.apps", workload("Deployment", "web", replicas=2))
    cluster.reconcile()
    again = KubernetesApi(now=clock, tables=json.loads(json.dumps(tables)))
    settle(again, clock)
    assert again.get("deployments.apps", "web", "default")["status"]["availableReplicas"] == 2
    assert phases(cluster) == ["Pending", "Pending"]
