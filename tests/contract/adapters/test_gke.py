"""The GKE adapter, and the way from it to a cluster's control plane, on the stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud.container_v1 import ClusterManagerClient

from localcloud.compute import Compute
from localcloud.gke import Gke
from poolwright.adapters.gke import HOST, KubernetesEngine
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.kubernetes import ControlPlanes
from poolwright.references import REFERENCE_POOL, ClusterRef, PoolRef
from poolwright.services.ports import Cluster, Missing, NodePool, Rejected, ReservationAffinity, Taint
from tests.contract.conftest import Served

SERVING = ClusterRef("demo-project", "us-central1", "serving")
L4_POOL = {
    "name": "l4",
    "initial_node_count": 1,
    "locations": ["us-central1-a", "us-central1-b"],
    "config": {
        "machine_type": "g2-standard-24",
        "accelerators": [{"accelerator_type": "nvidia-l4", "accelerator_count": 2}],
        "labels": {"team": "serving"},
    },
}
RESERVATION_NAME = "compute.googleapis.com/reservation-name"
CPU_POOL = {"name": "cpu", "autoscaling": {"enabled": True, "max_node_count": 3}}


@pytest.fixture
def access(served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> GoogleAccess:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    running = served(speed=600)
    compute = running.call(Compute, running.world)

    def open_control_plane(handler: Any, authority: Any) -> Any:
        return running.listeners.open_tls(handler, authority=authority)

    gke = running.call(Gke, running.world, compute, open_control_plane)
    running.serve(compute.api(), gke.api())
    return GoogleAccess(running.endpoints)


@pytest.fixture
def engine(access: GoogleAccess) -> KubernetesEngine:
    return KubernetesEngine(access)


@pytest.fixture
def serving(access: GoogleAccess, engine: KubernetesEngine) -> Cluster:
    """A running cluster with an L4 pool in two zones and a small one that GKE scales."""
    body = {"name": "serving", "node_pools": [L4_POOL, CPU_POOL]}
    access.rest(ClusterManagerClient, HOST).create_cluster(
        parent="projects/demo-project/locations/us-central1", cluster=body
    )
    made: Cluster = eventually(lambda: engine.cluster(SERVING), lambda cluster: cluster.status == "RUNNING")
    return made


def eventually(read: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 20
    while not good(found := read()):
        assert time.monotonic() < deadline, f"it did not come true: {found}"
        time.sleep(0.02)
    return found


def test_a_cluster_is_read_with_its_pools_and_their_groups(serving: Cluster) -> None:
    assert (serving.ref, serving.autopilot) == (SERVING, False)
    assert serving.uid
    l4, cpu = serving.pools
    assert (l4.ref.cluster, l4.ref.name, l4.status) == (SERVING, "l4", "RUNNING")
    assert (l4.machine_type, l4.accelerators, l4.gpus_per_node) == ("g2-standard-24", ("nvidia-l4",), 2)
    assert (l4.labels["team"], l4.autoscaling, l4.image_type) == ("serving", False, "COS_CONTAINERD")
    assert [group.zone for group in l4.groups] == ["us-central1-a", "us-central1-b"]
    assert all(group.project == "demo-project" and group.name.startswith("gke-serving-l4-") for group in l4.groups)
    assert (cpu.accelerators, cpu.gpus_per_node, cpu.autoscaling) == ((), 0, True)


def test_a_pool_tells_what_its_nodes_offer_to_pods_and_consume(serving: Cluster, engine: KubernetesEngine) -> None:
    sharing = {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": "3"}
    accelerator = {"acceleratorType": "nvidia-l4", "acceleratorCount": "2", "gpuSharingConfig": sharing}
    affinity = {"consumeReservationType": "SPECIFIC_RESERVATION", "key": RESERVATION_NAME, "values": ["kept"]}
    config = {
        "machineType": "g2-standard-24",
        "accelerators": [accelerator],
        "taints": [{"key": "dedicated", "value": "render", "effect": "NO_SCHEDULE"}],
        "reservationAffinity": affinity,
    }
    where = {"initialNodeCount": 0, "locations": ["us-central1-a"]}
    engine.create_pool(SERVING, {"name": "shared", "config": config, **where})
    by_name = {pool.ref.name: pool for pool in engine.cluster(SERVING).pools}
    shared, plain = by_name["shared"], by_name["l4"]
    assert (shared.sharing, shared.clients_per_gpu, shared.partition, shared.spot) == ("time-sharing", 3, "", False)
    assert Taint("dedicated", "render", "NoSchedule") in shared.taints
    assert shared.reservation == ReservationAffinity("SPECIFIC_RESERVATION", ("kept",))
    assert (plain.sharing, plain.clients_per_gpu, plain.reservation) == ("", 0, None)


def test_a_cluster_asked_for_by_project_number_is_named_by_project_id(
    serving: Cluster, engine: KubernetesEngine
) -> None:
    assert engine.cluster(ClusterRef("314159265358", "us-central1", "serving")) == serving


def test_a_cluster_that_is_not_there_is_missing(engine: KubernetesEngine) -> None:
    with pytest.raises(Missing, match="other"):
        engine.cluster(ClusterRef("demo-project", "us-central1", "other"))
    with pytest.raises(Missing, match="other"):
        engine.control_plane(ClusterRef("demo-project", "us-central1", "other"))


def test_the_control_plane_is_reached_through_its_endpoint_and_authority(
    serving: Cluster, engine: KubernetesEngine, access: GoogleAccess
) -> None:
    api = ControlPlanes(engine.control_plane, token=access.token).kubernetes(SERVING)
    nodes = eventually(api.nodes, lambda nodes: sum(node.gpus for node in nodes) == 4)
    gpu_nodes = [node for node in nodes if node.gpus]
    assert all(node.ready and node.labels["cloud.google.com/gke-nodepool"] == "l4" for node in gpu_nodes)


def test_a_dns_based_endpoint_that_is_open_is_the_way(
    serving: Cluster, engine: KubernetesEngine, access: GoogleAccess
) -> None:
    def config(is_open: bool) -> dict[str, Any]:
        return {"dns_endpoint_config": {"endpoint": "gke-1a2b.us-central1.gke.goog", "allow_external_traffic": is_open}}

    client = access.rest(ClusterManagerClient, HOST)
    for is_open in (False, True):
        update = {"desired_control_plane_endpoints_config": config(is_open)}
        operation = client.update_cluster(request={"name": str(SERVING), "update": update})
        name = f"{str(SERVING).rpartition('/clusters/')[0]}/operations/{operation.name}"
        eventually(lambda: client.get_operation(name=name), lambda each: each.status.name == "DONE")  # noqa: B023
        plane = engine.control_plane(SERVING)
        assert (plane.url == "https://gke-1a2b.us-central1.gke.goog") == is_open
        assert bool(plane.ca) != is_open


def test_where_a_cluster_is_its_reading_tells_once(
    serving: Cluster, engine: KubernetesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ClusterRef] = []
    read = engine._get

    def get(ref: ClusterRef) -> Any:
        asked.append(ref)
        return read(ref)

    monkeypatch.setattr(engine, "_get", get)
    engine.cluster(SERVING)
    plane = engine.control_plane(SERVING)
    assert len(asked) == 1
    assert engine.control_plane(SERVING) == plane
    assert len(asked) == 2, "the endpoint may have changed, so a second question is a call"


REFERENCE = {
    "name": "poolwright-reference",
    "initialNodeCount": 0,
    "locations": ["us-central1-a"],
    "config": {
        "machineType": "g2-standard-8",
        "imageType": "COS_CONTAINERD",
        "accelerators": [{"acceleratorType": "nvidia-l4", "acceleratorCount": "1"}],
        "labels": {REFERENCE_POOL: "dev"},
    },
}


def reference(engine: KubernetesEngine) -> NodePool | None:
    return next((pool for pool in engine.cluster(SERVING).pools if pool.is_reference), None)


def test_a_pool_without_nodes_is_created_and_deleted(serving: Cluster, engine: KubernetesEngine) -> None:
    engine.create_pool(SERVING, REFERENCE)
    begun = reference(engine)
    assert begun is not None
    assert begun.status == "PROVISIONING"
    made = eventually(lambda: reference(engine), lambda pool: pool.status == "RUNNING")
    assert (made.ref, made.labels[REFERENCE_POOL]) == (PoolRef(SERVING, "poolwright-reference"), "dev")
    assert (made.machine_type, made.image_type, made.locations) == (
        "g2-standard-8", "COS_CONTAINERD", ("us-central1-a",)
    )  # fmt: skip
    assert (made.accelerators, made.gpus_per_node, made.autoscaling) == (("nvidia-l4",), 1, False)
    assert [group.zone for group in made.groups] == ["us-central1-a"]

    engine.delete_pool(made.ref)
    assert reference(engine) is None or reference(engine).status == "STOPPING"  # type: ignore[union-attr]
    eventually(lambda: reference(engine), lambda pool: pool is None)
    with pytest.raises(Missing):
        engine.delete_pool(made.ref)


def test_a_pool_that_gke_will_not_have_is_rejected_by_name(serving: Cluster, engine: KubernetesEngine) -> None:
    def status(body: dict[str, Any]) -> str:
        with pytest.raises(Rejected) as refused:
            engine.create_pool(SERVING, body)
        return refused.value.status

    assert status({**REFERENCE, "locations": ["europe-west4-a"]}) == "INVALID_ARGUMENT"
    assert status({**REFERENCE, "name": "l4"}) == "ALREADY_EXISTS"
    engine.create_pool(SERVING, REFERENCE)
    assert status(REFERENCE) == "ALREADY_EXISTS"
    with pytest.raises(Rejected) as refused:
        engine.delete_pool(PoolRef(SERVING, "poolwright-reference"))
    assert refused.value.status == "FAILED_PRECONDITION"
    with pytest.raises(Missing):
        engine.create_pool(ClusterRef("demo-project", "us-central1", "other"), REFERENCE)
