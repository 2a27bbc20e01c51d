"""World files: what is loaded is a quiet world, and what cannot be is refused with place and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud import worldfile
from localcloud.certificates import Authority
from localcloud.compute import Compute
from localcloud.front_door import HttpHandler
from localcloud.gke import Gke
from localcloud.monitoring import Monitoring
from localcloud.worldfile import WorldFileError
from tests.contract.conftest import Served

WORLDS = Path(worldfile.__file__).parent / "worlds"
Json = dict[str, Any]


class Loaded:
    """A world made from a file, in manual time."""

    def __init__(self, served: Served, path: Path) -> None:
        self.world = served.world
        self.plan = worldfile.read(path)
        self.world.project, self.world.project_number = self.plan.project, self.plan.project_number
        self.messages: list[str] = []
        self.world.publish = lambda topic, data, attributes: self.messages.append(topic)

        async def open_plane(handler: HttpHandler, authority: Authority) -> int:
            return await served.listeners.open_tls(handler, authority=authority)

        self.compute = served.call(Compute, self.world)
        self.gke = served.call(Gke, self.world, self.compute, open_plane)
        monitoring = served.call(Monitoring, self.world, self.gke.nodes_and_pods)
        served.run(
            worldfile.load(self.plan, world=self.world, compute=self.compute, gke=self.gke, monitoring=monitoring)
        )


@pytest.fixture
def loaded(served: Callable[..., Served]) -> Callable[[Path], Loaded]:
    return lambda path: Loaded(served(manual=True), path)


def written(folder: Path, changes: Json) -> Path:
    """The small world with some of its top level replaced."""
    path = folder / "world.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load((WORLDS / "small.yaml").read_text()) | changes))
    return path


@pytest.mark.parametrize("name", ["small.yaml", "second.yaml"])
def test_a_loaded_world_is_at_work_and_emitted_nothing(loaded: Callable[[Path], Loaded], name: str) -> None:
    world = loaded(WORLDS / name)
    assert world.messages == []
    for cluster in world.plan.clusters:
        api = next(api for path, api in world.gke.clusters.items() if path.endswith(f"/{cluster.name}"))
        nodes = api.list("nodes")
        assert len(nodes) == sum(pool.nodes_per_zone * len(pool.zones) for pool in cluster.node_pools)
        for node in nodes:
            assert {"type": "Ready", "status": "True"}.items() <= node["status"]["conditions"][-1].items()
            assert ("cloud.google.com/gke-accelerator" in node["metadata"]["labels"]) == (
                "nvidia.com/gpu" in node["status"]["allocatable"]
            )
        wanted = sum(each.replicas for each in world.plan.workloads if each.cluster == cluster.name)
        assert [pod["status"]["phase"] for pod in api.list("pods")] == ["Running"] * wanted
    assert len(world.world.table("monitoring.alertPolicies")) == len(world.plan.alert_policies)


def test_a_world_file_says_what_boot_images_hold_and_how_jobs_end(
    loaded: Callable[[Path], Loaded], tmp_path: Path
) -> None:
    end = {"exitCode": 1, "bootImage": "poolwright-dev-2"}
    world = loaded(written(tmp_path, {"bakedImages": {"model:1": 5}, "podEnds": {"default/smoke-*": end}})).world
    assert world.table("gke.bakedImages") == {"model:1": 5}
    assert end.items() <= world.table("gke.podEnds")["default/smoke-*"].items()


def test_a_world_file_says_how_slow_apis_are_and_what_their_quotas_allow(
    loaded: Callable[[Path], Loaded], tmp_path: Path
) -> None:
    changes = {"latency": {"compute.googleapis.com/*": 0.1}, "rateQuotas": {"read_requests": 1500}}
    world = loaded(written(tmp_path, changes)).world
    assert world.table("localcloud.latency") == {"compute.googleapis.com/*": 0.1}
    assert world.table("compute.rateQuotas") == {"read_requests": 1500}
    with pytest.raises(WorldFileError, match=r"rateQuotas\.reads: no such metric; one of default, read_requests"):
        worldfile.read(written(tmp_path, {"rateQuotas": {"reads": 1}}))


def test_time_takes_its_course_after_loading(loaded: Callable[[Path], Loaded], tmp_path: Path) -> None:
    world = loaded(written(tmp_path, {"timings": {"gke": {"register": 7}}}))
    assert world.world.table("gke.timings") == {"register": 7.0}
    assert world.world.table("compute.timings") == {}


def test_a_cluster_names_its_topic_as_gke_takes_it(loaded: Callable[[Path], Loaded]) -> None:
    made = loaded(WORLDS / "small.yaml")
    for cluster in made.gke.state.clusters.values():
        assert cluster["notificationConfig"]["pubsub"]["topic"] == "projects/acme-gpu/topics/gke-notifications"


def test_a_provisioner_names_the_groups_of_its_pools(loaded: Callable[[Path], Loaded]) -> None:
    world = loaded(WORLDS / "small.yaml")
    path = "projects/acme-gpu/locations/us-central1/clusters/serving"
    (provisioner,) = world.gke.clusters[path].list("nodeprovisioners.compute.poolwright.dev")
    pool = world.gke.state.pools[f"{path}/nodePools/l4"]
    assert provisioner["spec"]["existingInstanceGroupNames"] == [group["name"] for group in pool["_groups"]]
    assert provisioner["spec"]["maxNodes"] == 6


def test_a_workload_keeps_its_gpus_as_busy_as_it_says(loaded: Callable[[Path], Loaded]) -> None:
    world = loaded(WORLDS / "small.yaml")
    pods = world.gke.clusters["projects/acme-gpu/locations/us-central1/clusters/serving"].list("pods")
    assert {pod["metadata"]["annotations"]["localcloud.poolwright.dev/duty-cycle"] for pod in pods} == {"55"}


def test_an_alert_policy_names_its_provisioner_where_poolwright_looks(loaded: Callable[[Path], Loaded]) -> None:
    world = loaded(WORLDS / "small.yaml")
    policies = world.world.table("monitoring.alertPolicies").values()
    assert [each["userLabels"] for each in policies if each["displayName"] == "h100 busy"] == [
        {"poolwright_provisioner": "h100", "poolwright_cluster": "training", "poolwright_location": "us-east4"}
    ]


def test_the_same_seed_makes_the_same_names(served: Callable[..., Served], tmp_path: Path) -> None:
    one, other = (Loaded(served(manual=True), WORLDS / "small.yaml") for _ in range(2))
    assert sorted(one.world.table("compute.instances")) == sorted(other.world.table("compute.instances"))


def test_nodes_that_the_stock_does_not_allow_are_refused(loaded: Callable[[Path], Loaded], tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match=r"node pool h100: 0 of 1 nodes are there: .*GCE_STOCKOUT"):
        loaded(written(tmp_path, {"stock": {"us-east4-a": {"nvidia-h100-80gb": 4}}}))


POOL = {"name": "p", "machineType": "e2-medium", "zones": ["us-central1-a"]}


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"colour": "red"}, "the file's top level", "unknown field `colour`; remove it or correct its name"),
        ({"clusters": [{"name": "a"}]}, "clusters", "missing required field `location`; add it"),
        ({"seed": "many"}, "seed", "Expected `int`"),
        ({"clusters": [{"name": "a", "location": "moon1"}]}, "clusters[0].location", "try us-central1"),
        ({"clusters": [{"name": "a", "location": "us-central1", "version": "1.2"}]}, "clusters[0].version", "offered"),
        (
            {"clusters": [{"name": "a", "location": "us-central1", "nodePools": [{**POOL, "machineType": "x"}]}]},
            "clusters[0].nodePools[0].machineType",
            "no machine type 'x'",
        ),
        (
            {"clusters": [{"name": "a", "location": "us-central1", "nodePools": [{**POOL, "zones": ["us-east1-b"]}]}]},
            "clusters[0].nodePools[0].zones",
            "no zone 'us-east1-b' in the region of us-central1",
        ),
        ({"workloads": [{"name": "w", "cluster": "gone"}]}, "workloads[0].cluster", "the file has serving, training"),
        (
            {"provisioners": [{"name": "x", "cluster": "serving", "nodePools": ["gone"]}]},
            "provisioners[0].nodePools",
            "it has a100, l4, system",
        ),
        (
            {"alertPolicies": [{"name": "x", "provisioner": "l4", "cluster": "serving"}]},
            "alertPolicies[0]",
            "needs one of `above` and `below`",
        ),
        ({"stock": {"us-central9-z": {"nvidia-l4": 1}}}, "stock.us-central9-z", "no such zone"),
    ],
)
def test_a_mistake_is_told_with_file_place_and_remedy(tmp_path: Path, changes: Json, where: str, what: str) -> None:
    reduced: Json = {"provisioners": [], "workloads": [], "alertPolicies": []} if "clusters" in changes else {}
    path = written(tmp_path, reduced | changes)
    with pytest.raises(WorldFileError) as refused:
        worldfile.read(path)
    assert str(refused.value).startswith(f"{path}: {where}")
    assert what in str(refused.value)


@pytest.mark.parametrize("text", [b"clusters: [", b"- 1", b"\xff\xfe", b""])
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "world.yaml"
    path.write_bytes(text)
    with pytest.raises(WorldFileError, match=r"world\.yaml"):
        worldfile.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match=r"nowhere\.yaml: cannot be read"):
        worldfile.read(tmp_path / "nowhere.yaml")
