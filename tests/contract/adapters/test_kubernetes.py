"""The Kubernetes adapter on the embedded API behind TLS, as a GKE control plane is: its own CA, a bearer token."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from localcloud.certificates import Authority
from localcloud.kubernetes import KubernetesApi as StandIn
from poolwright.adapters.gke import ControlPlane
from poolwright.adapters.kubernetes import ControlPlanes, KubernetesApi
from poolwright.adapters.kubernetes_objects import GPU
from poolwright.nodes import CORDONED_FOR, SAFE_TO_EVICT, ImagePull, Job, Node, Pod, Requirement, Toleration
from poolwright.references import ClusterRef
from poolwright.rollouts.gates.evidence import SmokeRun
from poolwright.rollouts.smoke_jobs import manifest
from poolwright.services.ports import Json, Missing, Rejected, Weather
from tests.contract.conftest import Served
from tests.contract.kubernetes.clusters import START, Clock, budget_body, node_body, pod_body

CHANGED = datetime(2026, 9, 21, tzinfo=UTC).timestamp()  # of the conditions in node_body
PROVISIONERS = "nodeprovisioners.compute.poolwright.dev"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": PROVISIONERS},
    "spec": {
        "group": "compute.poolwright.dev",
        "scope": "Cluster",
        "names": {"plural": "nodeprovisioners", "singular": "nodeprovisioner", "kind": "NodeProvisioner"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            part: {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                            for part in ("spec", "status")
                        },
                    }
                },
            }
        ],
    },
}


class Cluster:
    """A cluster's API behind TLS; `shown` are the Authorization headers it saw, `refusal` is what it answers if set."""

    def __init__(self, served: Served, folder: Path) -> None:
        self._served = served
        self._authority = Authority(folder=folder, name="cluster")
        self._api = StandIn(now=Clock(), tables={})
        self.shown: list[str] = []
        self.refusal: tuple[int, Json] | None = None
        self.open()

    def open(self) -> None:
        """On a port of its own; once more, on another."""
        port = self._served.run(self._served.listeners.open_tls(self._handle, authority=self._authority))
        ca = base64.b64encode(self._authority.pem()).decode()
        self.place = ControlPlane(url=f"https://127.0.0.1:{port}", ca=ca)

    async def _handle(self, request: Any) -> web.StreamResponse:
        self.shown.append(request.headers.get("Authorization", ""))
        if self.refusal:
            return web.json_response(self.refusal[1], status=self.refusal[0])
        return await self._api.handle(request)

    def do(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the stand-in on its loop."""
        return self._served.call(getattr(self._api, verb), *args, **kwargs)

    def define(self) -> None:
        """Provisioners are served, once a controller has seen their definition."""
        self.do("create", "customresourcedefinitions.apiextensions.k8s.io", DEFINITION)
        self.do("reconcile")

    def node(self, name: str) -> Json:
        found: Json = self.do("get", "nodes", name)
        return found


@pytest.fixture
def cluster(served: Callable[..., Served], tmp_path: Path) -> Cluster:
    return Cluster(served(), tmp_path)


@pytest.fixture
def adapter(cluster: Cluster) -> KubernetesApi:
    return KubernetesApi(cluster.place, token=lambda: "ya29.good")


def test_nodes_are_read_with_what_gates_and_capacity_ask(cluster: Cluster, adapter: KubernetesApi) -> None:
    cluster.do("create", "nodes", node_body("a", gpus=8, pool="h100"))
    body = node_body("b", ready=False)
    body["metadata"]["annotations"] = {CORDONED_FOR: "because", "large": "and many"}
    cluster.do("create", "nodes", {**body, "spec": {"unschedulable": True}})
    first, second = adapter.nodes()
    assert first == Node(
        "a", ready=True, cordoned=False, gpus=8, labels=first.labels, created=START, ready_changed=CHANGED,
        gpu_names=frozenset({GPU}),
    )  # fmt: skip
    assert first.labels["pool"] == "h100"
    assert (second.ready, second.cordoned, second.gpus) == (False, True, 0)
    assert second.annotations == {CORDONED_FOR: "because"}


def test_collections_are_read_over_all_pages(
    cluster: Cluster, adapter: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poolwright.adapters.kubernetes._PAGE", "2")
    for name in "abcde":
        cluster.do("create", "nodes", node_body(name))
    assert [node.name for node in adapter.nodes()] == list("abcde")


def test_pods_are_read_less_the_finished_ones(cluster: Cluster, adapter: KubernetesApi) -> None:
    for name, phase in (("done", "Succeeded"), ("broken", "Failed"), ("works", "Running")):
        cluster.do("create", "pods", pod_body(name, nodeName="a"))
        cluster.do("patch", "pods", name, {"status": {"phase": phase}}, "default", subresource="status")
    (pod,) = adapter.pods()
    assert (pod.namespace, pod.name, pod.node, pod.phase, pod.owner) == ("default", "works", "a", "Running", "")


def test_a_pod_tells_its_owner_and_that_no_node_takes_it(cluster: Cluster, adapter: KubernetesApi) -> None:
    body = pod_body("p", gpus=2, nodeSelector={"pool": "h100"})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
    body["metadata"] |= {"ownerReferences": [owner], "annotations": {SAFE_TO_EVICT: "false", "x": "y"}}
    cluster.do("create", "pods", body)
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    cluster.do("patch", "pods", "p", {"status": {"conditions": [condition]}}, "default", subresource="status")
    (pod,) = adapter.pods()
    assert (pod.owner, pod.gpus, pod.node, pod.unschedulable) == ("ReplicaSet", 2, "", True)
    assert (pod.node_selector, pod.annotations, pod.deleting) == ({"pool": "h100"}, {SAFE_TO_EVICT: "false"}, False)


@pytest.mark.parametrize(
    ("init", "main", "reserved"),
    [
        ([], [1, 2], 3), ([4], [1, 2], 4), ([2], [1, 2], 3), ([("sidecar", 1)], [2], 3),
        ([("sidecar", 1), 4], [2], 5), ([4, ("sidecar", 1)], [2], 4),
    ],
)  # fmt: skip
def test_gpus_of_a_pod_are_what_the_scheduler_reserves(
    cluster: Cluster, adapter: KubernetesApi, init: list[Any], main: list[int], reserved: int
) -> None:
    def container(name: str, asked: Any) -> Json:
        sidecar, gpus = (True, asked[1]) if isinstance(asked, tuple) else (False, asked)
        made: Json = {"name": name, "image": "i", "resources": {"limits": {GPU: str(gpus)}}}
        return {**made, "restartPolicy": "Always"} if sidecar else made

    body = pod_body("p")
    body["spec"]["containers"] = [container(f"c{n}", asked) for n, asked in enumerate(main)]
    body["spec"]["initContainers"] = [container(f"i{n}", asked) for n, asked in enumerate(init)]
    cluster.do("create", "pods", body)
    assert [pod.gpus for pod in adapter.pods()] == [reserved]


def test_gpus_are_counted_under_whatever_name_a_device_plugin_gives_them(
    cluster: Cluster, adapter: KubernetesApi
) -> None:
    names = {"nvidia.com/mig-1g.5gb": 7, "nvidia.com/mig-3g.20gb.shared": 2, "nvidia.com/gpu.shared": 10}
    node = node_body("a")
    node["status"]["allocatable"] |= {name: str(count) for name, count in names.items()} | {"nvidia.com/gpus": "3"}
    cluster.do("create", "nodes", node)
    body = pod_body("p")
    body["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/mig-1g.5gb": "2", "cpu": "1"}}
    cluster.do("create", "pods", body)
    (found,), (pod,) = adapter.nodes(), adapter.pods()
    assert (found.gpus, found.gpu_names) == (19, frozenset(names))
    assert (pod.gpus, pod.gpu_names) == (2, frozenset({"nvidia.com/mig-1g.5gb"}))


def test_a_gpu_pod_tells_which_nodes_it_needs_and_bears(cluster: Cluster, adapter: KubernetesApi) -> None:
    terms = [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    tolerations = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, {"operator": "Exists"}]
    needs: dict[str, Any] = {"affinity": {"nodeAffinity": required}, "tolerations": tolerations}
    cluster.do("create", "pods", pod_body("waits", gpus=1, **needs))
    cluster.do("create", "pods", pod_body("web", **needs))
    there = {pod.name: pod for pod in adapter.pods()}
    assert there["waits"].node_terms == ((Requirement("zone", "In", ("a", "b")),),)
    assert there["waits"].tolerations[:2] == (
        Toleration("dedicated", "Equal", "gpu", "NoSchedule"),
        Toleration("", "Exists", "", ""),
    )
    assert (there["web"].node_terms, there["web"].tolerations) == (None, ())


@pytest.mark.parametrize(
    ("status", "unschedulable"),
    [
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}, True),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}, False),
        (
            {
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
                "nominatedNodeName": "a",
            },
            False,
        ),
    ],
    ids=["no place", "gated", "gets another's place"],
)
def test_only_a_pod_that_the_scheduler_has_no_place_for_waits(
    cluster: Cluster, adapter: KubernetesApi, status: Json, unschedulable: bool
) -> None:
    cluster.do("create", "pods", pod_body("p", gpus=1))
    cluster.do("patch", "pods", "p", {"status": status}, "default", subresource="status")
    assert [pod.unschedulable for pod in adapter.pods()] == [unschedulable]


def test_a_node_is_cordoned_with_the_reason_and_uncordoned_without_a_trace(
    cluster: Cluster, adapter: KubernetesApi
) -> None:
    cluster.do("create", "nodes", node_body("a"))
    before = adapter.nodes()
    adapter.cordon("a", reason="rollout dev-42")
    adapter.cordon("a", reason="rollout dev-42")
    assert cluster.node("a")["spec"]["unschedulable"] is True
    assert cluster.node("a")["metadata"]["annotations"][CORDONED_FOR] == "rollout dev-42"
    adapter.uncordon("a")
    adapter.uncordon("a")
    assert adapter.nodes() == before


def test_what_is_not_there_is_missing(cluster: Cluster, adapter: KubernetesApi) -> None:
    cluster.define()
    with pytest.raises(Missing, match="nodes"):
        adapter.cordon("gone", reason="x")
    with pytest.raises(Missing, match="nodes"):
        adapter.uncordon("gone")
    with pytest.raises(Missing, match="nodeprovisioners"):
        adapter.set_provisioner_status("gone", {})


def test_a_pod_is_evicted_and_one_that_is_gone_counts_as_evicted(cluster: Cluster, adapter: KubernetesApi) -> None:
    cluster.do("create", "pods", pod_body("p"))
    assert adapter.evict(pod_named("p"))
    assert all(pod.deleting for pod in adapter.pods())
    assert adapter.evict(pod_named("never-there"))


@pytest.mark.parametrize("budgets", [1, 2])
def test_a_pod_that_its_budget_keeps_is_not_evicted(cluster: Cluster, adapter: KubernetesApi, budgets: int) -> None:
    cluster.do("create", "pods", pod_body("p", labels={"app": "p"}))
    runs = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    cluster.do("patch", "pods", "p", {"status": runs}, "default", subresource="status")
    for number in range(budgets):
        body = budget_body("p", minAvailable=1)
        body["metadata"]["name"] = f"budget-{number}"
        cluster.do("create", "poddisruptionbudgets.policy", body)
    cluster.do("reconcile")
    assert not adapter.evict(pod_named("p"))
    assert not any(pod.deleting for pod in adapter.pods())


def test_config_maps_of_a_namespace_are_read_and_there_are_none_where_there_is_no_namespace(
    cluster: Cluster, adapter: KubernetesApi
) -> None:
    assert adapter.config_maps("poolwright") == []
    cluster.do("create", "namespaces", {"metadata": {"name": "poolwright"}})
    cluster.do("create", "configmaps", {"metadata": {"name": "poolwright"}, "data": {"STATE": "Running"}}, "poolwright")
    cluster.do("create", "configmaps", {"metadata": {"name": "elsewhere"}, "data": {}}, "default")
    before = {each.name: each for each in adapter.config_maps("poolwright")}
    assert before["poolwright"].data == {"STATE": "Running"}
    assert "elsewhere" not in before
    cluster.do("patch", "configmaps", "poolwright", {"data": {"STATE": "DrainAndSuspend"}}, "poolwright")
    after = {each.name: each for each in adapter.config_maps("poolwright")}
    assert after["poolwright"].data == {"STATE": "DrainAndSuspend"}
    assert after["poolwright"].version != before["poolwright"].version


@pytest.mark.parametrize("status", [401, 403])
def test_config_maps_that_may_not_be_read_are_rejected(cluster: Cluster, adapter: KubernetesApi, status: int) -> None:
    cluster.refusal = (status, {"kind": "Status", "code": status, "message": "configmaps is forbidden"})
    with pytest.raises(Rejected, match="configmaps is forbidden"):
        adapter.config_maps("poolwright")


def test_cordoned_nodes_are_those_that_are_closed_for_pods(cluster: Cluster, adapter: KubernetesApi) -> None:
    for name in "ab":
        cluster.do("create", "nodes", node_body(name))
    adapter.cordon("b", reason="somebody")
    assert [(node.name, node.cordoned_for) for node in adapter.cordoned_nodes()] == [("b", "somebody")]


def test_pods_on_a_node_are_those_that_are_not_finished(cluster: Cluster, adapter: KubernetesApi) -> None:
    for name, node, phase in (("here", "a", "Running"), ("over", "a", "Succeeded"), ("there", "b", "Running")):
        cluster.do("create", "pods", pod_body(name, nodeName=node))
        cluster.do("patch", "pods", name, {"status": {"phase": phase}}, "default", subresource="status")
    assert [pod.name for pod in adapter.pods_on("a")] == ["here"]


@pytest.mark.parametrize(
    ("volume", "keeps"),
    [
        ({"emptyDir": {}}, True),
        ({"hostPath": {"path": "/data"}}, True),
        ({"emptyDir": {"medium": "Memory"}}, False),
        ({"configMap": {"name": "c"}}, False),
    ],
)
def test_a_pod_keeps_data_on_its_node_unless_it_says_that_they_may_go(
    cluster: Cluster, adapter: KubernetesApi, volume: Json, keeps: bool
) -> None:
    cluster.do("create", "pods", pod_body("p", volumes=[{"name": "v", **volume}]))
    assert [pod.local_storage for pod in adapter.pods()] == [keeps]
    excuse = {"cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "other,v"}
    cluster.do("patch", "pods", "p", {"metadata": {"annotations": excuse}}, "default")
    assert [pod.local_storage for pod in adapter.pods()] == [False]


def test_a_server_that_is_busy_is_weather_and_no_budget(cluster: Cluster, adapter: KubernetesApi) -> None:
    cluster.refusal = (429, {"kind": "Status", "code": 429, "message": "too many requests, please try again later"})
    with pytest.raises(Weather, match="too many requests"):
        adapter.evict(pod_named("p"))
    with pytest.raises(Weather, match="too many requests"):
        adapter.nodes()


def test_provisioners_are_read_and_their_status_merged(cluster: Cluster, adapter: KubernetesApi) -> None:
    assert adapter.provisioners() == []
    cluster.define()
    made = {"apiVersion": "compute.poolwright.dev/v1alpha1", "kind": "NodeProvisioner"}
    cluster.do("create", PROVISIONERS, {**made, "metadata": {"name": "l4"}, "spec": {"maxNodes": 4}})
    adapter.set_provisioner_status("l4", {"target": 2, "reason": "busy"})
    adapter.set_provisioner_status("l4", {"reason": None, "conditions": []})
    (found,) = adapter.provisioners()
    assert (found["spec"], found["status"]) == ({"maxNodes": 4}, {"target": 2, "conditions": []})


def test_each_request_shows_a_token_that_is_good_then(cluster: Cluster) -> None:
    tokens = iter(["first", "second"])
    adapter = KubernetesApi(cluster.place, token=lambda: next(tokens))
    adapter.nodes()
    adapter.nodes()
    assert cluster.shown == ["Bearer first", "Bearer second"]


def test_a_server_of_another_authority_is_not_talked_to(cluster: Cluster, tmp_path: Path) -> None:
    other = base64.b64encode(Authority(folder=tmp_path, name="other").pem()).decode()
    with pytest.raises(Weather, match="certificate verify failed"):
        KubernetesApi(ControlPlane(url=cluster.place.url, ca=other), token=lambda: "secret").nodes()
    assert cluster.shown == []


def test_where_no_authority_is_given_a_public_one_must_vouch(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ControlPlane(url=cluster.place.url, ca="")
    with pytest.raises(Weather, match="certificate verify failed"):
        KubernetesApi(place, token=lambda: "secret").nodes()
    assert cluster.shown == []
    (tmp_path / "public.pem").write_bytes(base64.b64decode(cluster.place.ca))
    monkeypatch.setattr("certifi.where", lambda: str(tmp_path / "public.pem"))
    assert KubernetesApi(place, token=lambda: "secret").nodes() == []


def test_a_cluster_is_located_once_and_anew_when_it_cannot_be_reached(cluster: Cluster) -> None:
    ref = ClusterRef("p", "l", "c")
    places = iter([ControlPlane(url="https://127.0.0.1:1", ca=cluster.place.ca), cluster.place])
    clusters = ControlPlanes(lambda _: next(places), token=lambda: "")
    with pytest.raises(Weather):
        clusters.kubernetes(ref).nodes()
    assert clusters.kubernetes(ref).nodes() == []
    assert clusters.kubernetes(ref) is clusters.kubernetes(ref)


def pod_named(name: str) -> Pod:
    return Pod(namespace="default", name=name, node="", phase="", gpus=0, owner="")


def job_of(adapter: KubernetesApi, name: str) -> Job:
    (found,) = adapter.jobs("default", labels={"for": name})
    return found


def job_body(name: str) -> Json:
    run = SmokeRun(number=0, accelerator="nvidia-l4", state="wanted", job=name, node="a", namespace="default", gpus=1)
    body = manifest(run, rollout="dev-42", wave=0, image="smoke", command=("run",), timeout_seconds=60)
    body["metadata"]["labels"] = {"for": name}
    return body


def end_pod_of(cluster: Cluster, job: str, *, code: int, **state: str) -> None:
    (pod,) = cluster.do("list", "pods", labels=f"batch.kubernetes.io/job-name={job}")
    ended = {"exitCode": code, "startedAt": None, "finishedAt": None, **state}
    container = {"name": "smoke", "image": "smoke", "imageID": "", "ready": False, "restartCount": 0}
    container |= {"state": {"terminated": ended}}
    status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}
    cluster.do("patch", "pods", pod["metadata"]["name"], {"status": status}, "default", subresource="status")
    cluster.do("reconcile")


def test_a_job_is_made_once_found_by_its_labels_and_deleted_with_its_pods(
    cluster: Cluster, adapter: KubernetesApi
) -> None:
    adapter.create_job("default", job_body("one"))
    adapter.create_job("default", job_body("one"))
    adapter.create_job("default", job_body("two"))
    cluster.do("reconcile")
    assert (job_of(adapter, "one").name, job_of(adapter, "one").node) == ("one", "a")
    assert job_of(adapter, "one").state == "running"
    adapter.delete_job("default", "one")
    adapter.delete_job("default", "one")
    cluster.do("reconcile")
    assert not adapter.jobs("default", labels={"for": "one"})
    assert not cluster.do("list", "pods", labels="batch.kubernetes.io/job-name=one")
    assert job_of(adapter, "two").state == "running"


def test_a_job_that_failed_says_why_in_its_containers_words(cluster: Cluster, adapter: KubernetesApi) -> None:
    adapter.create_job("default", job_body("bad"))
    adapter.create_job("default", job_body("good"))
    cluster.do("reconcile")
    end_pod_of(cluster, "bad", code=2, reason="Error", message="no CUDA device\n")
    end_pod_of(cluster, "good", code=0)
    assert job_of(adapter, "good").state == "passed"
    assert (job_of(adapter, "bad").state, job_of(adapter, "bad").reason) == (
        "failed", "its container ended with exit code 2 (Error): no CUDA device",
    )  # fmt: skip


def test_a_job_whose_pod_finds_no_place_says_what_it_waits_for(cluster: Cluster, adapter: KubernetesApi) -> None:
    adapter.create_job("default", job_body("one"))
    cluster.do("reconcile")
    assert "its pod found no place" in job_of(adapter, "one").reason


@pytest.mark.parametrize(
    ("message", "was_there"),
    [
        ('Container image "gcr.io/acme/chat:7" already present on machine', True),
        ('Container image "gcr.io/acme/chat:7" already present on machine and can be accessed by the pod', True),
        ('Successfully pulled image "gcr.io/acme/chat:7" in 1m10.5s (1m10.5s including waiting).', False),
        ("Something of tomorrow", None),
    ],
)
def test_kubelets_tell_which_images_were_there(
    cluster: Cluster, adapter: KubernetesApi, message: str, was_there: bool | None
) -> None:
    for reason in ("Pulled", "Pulling"):
        event = {
            "metadata": {"name": f"chat.{reason.lower()}", "namespace": "default"},
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "chat"},
            "reason": reason, "message": message, "type": "Normal", "lastTimestamp": "2026-09-21T00:00:00Z",
            "source": {"component": "kubelet", "host": "a"},
        }  # fmt: skip
        cluster.do("create", "events", event)
    told = [] if was_there is None else [ImagePull("a", "default", "chat", "gcr.io/acme/chat:7", was_there, CHANGED)]
    assert adapter.image_pulls() == told
