"""gcloud, as it is installed, with nothing but the environment that `serve` prints; other clients see what it did."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import compute_v1
from kubernetes import client, config

from tests.end_to_end.serving import PROJECT, SMALL, Gcloud, Served, Tool, eventually, images, in_parallel, serve

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed: its commands go untried"),
]
ZONE = "us-central1-a"
GROUPS = "compute instance-groups managed"
TEMPLATES = "compute instance-templates"
IMAGES = "compute images"
SERVING = "--cluster=serving --region=us-central1"
IMAGE = "projects/cos-cloud/global/images/family/cos-stable"
SMALL_POOL = f"--machine-type=e2-standard-4 --num-nodes=1 --node-locations={ZONE}"
CONFIG = "steps:\n- name: ubuntu\n  args: [echo, hello]\noptions:\n  logging: CLOUD_LOGGING_ONLY\n"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    """The small world, a minute a second, and a group of two that is nobody's node pool."""
    with serve("--state", str(SMALL), "--speed", "60") as served:
        for name, template in (("web", "small"), ("keeper", "kept")):
            _post(served, "global/instanceTemplates", _template(template))
            templates = served.compute(compute_v1.InstanceTemplatesClient).list
            eventually(lambda: template in [each.name for each in templates(project=PROJECT)], "a template")  # noqa: B023
            group = {"name": name, "targetSize": 2, "instanceTemplate": f"global/instanceTemplates/{template}"}
            _post(served, f"zones/{ZONE}/instanceGroupManagers", group)
        yield served


def _template(name: str) -> dict[str, object]:
    disk = {"boot": True, "initializeParams": {"sourceImage": IMAGE}}
    networks = [{"network": "global/networks/default"}]
    return {"name": name, "properties": {"machineType": "e2-small", "disks": [disk], "networkInterfaces": networks}}


def _post(served: Served, path: str, body: dict[str, object]) -> None:
    status, answer = served.http("compute.googleapis.com", "POST", f"/compute/v1/projects/{PROJECT}/{path}", body)
    assert status == 200, answer


@pytest.fixture(scope="module")
def gcloud(cloud: Served) -> Gcloud:
    return Gcloud(cloud)


def test_templates(cloud: Served, gcloud: Gcloud) -> None:
    gcloud(f"{TEMPLATES} create mine --machine-type=e2-small --metadata=a=b")
    listed, described = gcloud.together(f"{TEMPLATES} list", f"{TEMPLATES} describe mine")
    assert {"mine", "small"} < {each["name"] for each in listed}
    templates = cloud.compute(compute_v1.InstanceTemplatesClient)
    seen = templates.get(project=PROJECT, instance_template="mine")
    assert (described["id"], described["properties"]["machineType"]) == (str(seen.id), "e2-small")
    assert {each.key: each.value for each in seen.properties.metadata.items} == {"a": "b"}
    gcloud(f"{TEMPLATES} delete mine")
    with pytest.raises(NotFound):
        templates.get(project=PROJECT, instance_template="mine")


def test_groups(cloud: Served, gcloud: Gcloud) -> None:
    groups = cloud.compute(compute_v1.InstanceGroupManagersClient)
    at = {"project": PROJECT, "zone": ZONE, "instance_group_manager": "web"}

    def members() -> set[str]:
        return {each.name for each in groups.list_managed_instances(**at)}

    _, listed, described = gcloud.together(
        f"{TEMPLATES} create other --machine-type=e2-medium",
        f"{GROUPS} list --filter=zone:{ZONE}",
        f"{GROUPS} describe web --zone={ZONE}",
    )
    seen = {each.name for each in groups.list(project=PROJECT, zone=ZONE)}
    assert {each["name"] for each in listed} == seen
    assert described["id"] == str(groups.get(**at).id)

    gcloud(f"{GROUPS} resize web --zone={ZONE} --size=3")
    assert groups.get(**at).target_size == 3
    gcloud(f"{GROUPS} create-instance web --zone={ZONE} --instance=mine")
    assert (groups.get(**at).target_size, "mine" in members()) == (4, True)
    instances, errors = gcloud.together(
        f"{GROUPS} list-instances web --zone={ZONE}", f"{GROUPS} list-errors web --zone={ZONE}"
    )
    assert ({each["name"] for each in instances}, errors) == (members(), [])
    gcloud(f"{GROUPS} delete-instances web --zone={ZONE} --instances=mine")
    eventually(lambda: "mine" not in members(), "the member is gone")

    gcloud(f"{GROUPS} set-instance-template web --zone={ZONE} --template=other")
    assert groups.get(**at).instance_template.endswith("/instanceTemplates/other")
    gcloud(f"{GROUPS} rolling-action start-update web --zone={ZONE} --version=template=other --max-unavailable=3")
    machines = cloud.compute(compute_v1.InstancesClient)

    def rolled_out() -> bool:
        mine = [each for each in machines.list(project=PROJECT, zone=ZONE) if each.name.startswith("web-")]
        return len(mine) == 3 and all(each.machine_type.endswith("/e2-medium") for each in mine)

    eventually(rolled_out, "every member is of the other template")


@pytest.mark.slow
def test_a_group_that_cannot_grow_lists_why(cloud: Served, gcloud: Gcloud) -> None:
    zone = "us-central1-c"
    assert cloud.http("localcloud", "PUT", "/tables/compute.stock", {zone: {"nvidia-l4": 0}})[0] == 200
    gcloud(f"{TEMPLATES} create scarce --machine-type=g2-standard-4 --maintenance-policy=TERMINATE")
    gcloud(f"{GROUPS} create scarce --zone={zone} --size=1 --template=scarce")
    groups = cloud.compute(compute_v1.InstanceGroupManagersClient)
    at = {"project": PROJECT, "zone": zone, "instance_group_manager": "scarce"}
    eventually(lambda: bool(list(groups.list_errors(**at))), "an error of the group")
    told = gcloud.json(f"{GROUPS} list-errors scarce --zone={zone}")
    assert {each["error"]["code"] for each in told} == {"ZONE_RESOURCE_POOL_EXHAUSTED"}


def test_images(cloud: Served, gcloud: Gcloud) -> None:
    gcloud(f"{IMAGES} create baked-1 --source-uri=gs://images/a.tar.gz --family=baked --labels=env=dev")
    listed, described, newest, _ = gcloud.together(
        f"{IMAGES} list --no-standard-images --filter=labels.env=dev",
        f"{IMAGES} describe baked-1",
        f"{IMAGES} describe-from-family baked",
        f"{IMAGES} create baked-2 --source-image=baked-1",
    )
    seen = images(cloud).get(project=PROJECT, image="baked-1")
    assert [each["name"] for each in listed] == ["baked-1"]
    assert {described["id"], newest["id"]} == {str(seen.id)}
    assert (seen.family, dict(seen.labels), seen.status) == ("baked", {"env": "dev"}, "READY")
    gcloud(f"{IMAGES} deprecate baked-1 --state=DEPRECATED --replacement=baked-2")
    assert images(cloud).get(project=PROJECT, image="baked-1").deprecated.state == "DEPRECATED"
    gcloud(f"{IMAGES} delete baked-1 baked-2")
    assert [each.name for each in images(cloud).list(project=PROJECT)] == []


def test_operations(cloud: Served, gcloud: Gcloud) -> None:
    clusters = cloud.container()
    parent = f"projects/{PROJECT}/locations/us-central1"
    clusters.set_node_pool_size({"name": f"{parent}/clusters/serving/nodePools/system", "node_count": 1})
    of_compute, of_clusters = gcloud.together("compute operations list", "container operations list")
    operations = cloud.compute(compute_v1.ZoneOperationsClient)
    assert {each.name for each in operations.list(project=PROJECT, zone=ZONE)} <= {each["name"] for each in of_compute}
    seen = {each.name for each in clusters.list_operations(parent=f"projects/{PROJECT}/locations/-").operations}
    assert seen == {each["name"] for each in of_clusters} != set()


def test_clusters_and_then_kubectl(cloud: Served, gcloud: Gcloud, tmp_path: Path) -> None:
    listed, described = gcloud.together(
        "container clusters list", "container clusters describe serving --region=us-central1"
    )
    seen = cloud.container().list_clusters(parent=f"projects/{PROJECT}/locations/-").clusters
    assert {each["name"]: each["endpoint"] for each in listed} == {each.name: each.endpoint for each in seen}
    assert described["endpoint"] == next(each.endpoint for each in seen if each.name == "serving")
    gcloud("container clusters get-credentials serving --region=us-central1")
    file = cloud.manifest["env"]["KUBECONFIG"]
    context = f"gke_{PROJECT}_us-central1_serving"
    nodes = client.CoreV1Api(config.new_client_from_config(file, context=context)).list_node()
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: the credentials that gcloud fetched go untried")
    named = Tool(cloud, "kubectl")(f"--context={context} get nodes --output=name")
    assert set(named.split()) == {f"node/{each.metadata.name}" for each in nodes.items}


def test_node_pools(cloud: Served, gcloud: Gcloud) -> None:
    clusters = cloud.container()
    parent = f"projects/{PROJECT}/locations/us-central1/clusters/serving"
    gcloud(f"container node-pools create extra {SERVING} {SMALL_POOL}")
    listed, described = gcloud.together(
        f"container node-pools list {SERVING}", f"container node-pools describe extra {SERVING}"
    )
    seen = {each.name: each for each in clusters.list_node_pools(parent=parent).node_pools}
    assert [each["name"] for each in listed] == list(seen)
    assert described["instanceGroupUrls"] == list(seen["extra"].instance_group_urls)
    assert (seen["extra"].config.machine_type, seen["extra"].initial_node_count) == ("e2-standard-4", 1)
    gcloud(f"container node-pools delete extra {SERVING}")
    assert "extra" not in {each.name for each in clusters.list_node_pools(parent=parent).node_pools}


def test_builds(cloud: Served, gcloud: Gcloud, tmp_path: Path) -> None:
    (tmp_path / "build.yaml").write_text(CONFIG)
    submitted = gcloud.json(f"builds submit --no-source --config={tmp_path}/build.yaml")
    seen = cloud.cloud_build().get_build(project_id=PROJECT, id=submitted["id"])
    assert (seen.status.name, [each.name for each in seen.steps]) == ("SUCCESS", ["ubuntu"])
    listed, described = gcloud.together("builds list", f"builds describe {submitted['id']}")
    assert submitted["id"] in {each["id"] for each in listed}
    assert (described["status"], described["id"]) == ("SUCCESS", seen.id)


REFUSALS = {
    f"{GROUPS} list --zones=none-z": "Invalid value for field 'zone': 'none-z'. Unknown zone.",
    f"{GROUPS} describe none --zone={ZONE}": "instanceGroupManagers/none' was not found",
    f"{GROUPS} resize none --zone={ZONE} --size=1": "instanceGroupManagers/none' was not found",
    f"{GROUPS} set-instance-template web --zone={ZONE} --template=none": "instanceTemplates/none' was not found",
    f"{GROUPS} list-instances none --zone={ZONE}": "instanceGroupManagers/none' was not found",
    f"{GROUPS} list-errors none --zone={ZONE}": "instanceGroupManagers/none' was not found",
    f"{GROUPS} create-instance web --zone={ZONE} --instance=Bad": "Must be a match of regex",
    f"{GROUPS} delete-instances web --zone={ZONE} --instances=none": "is not a member of",
    f"{GROUPS} rolling-action start-update web --zone={ZONE} --version=template=none": "instanceTemplates/none' was",
    f"{TEMPLATES} list --project=none-such": "The resource 'projects/none-such' was not found",
    f"{TEMPLATES} describe none": "instanceTemplates/none' was not found",
    f"{TEMPLATES} create kept --machine-type=e2-small": "instanceTemplates/kept' already exists",
    f"{TEMPLATES} delete kept": "is already being used by",
    f"{IMAGES} list --project=none-such": "The resource 'projects/none-such' was not found",
    f"{IMAGES} describe none": "images/none' was not found",
    f"{IMAGES} describe-from-family none": "images/family/none' was not found",
    f"{IMAGES} create x --source-disk=none --source-disk-zone={ZONE}": "disks/none' was not found",
    f"{IMAGES} delete none": "images/none' was not found",
    "compute operations list --project=none-such": "The resource 'projects/none-such' was not found",
    "container clusters list --project=none-such": "none-such",
    "container clusters describe none --region=us-central1": "Not found: projects/acme-gpu/locations/us-central1/cl",
    "container clusters get-credentials none --region=us-central1": "Not found: projects/acme-gpu/locations/us-cent",
    "container node-pools list --cluster=none --region=us-central1": "Not found: projects/acme-gpu/locations/us-cen",
    f"container node-pools describe none {SERVING}": "clusters/serving/nodePools/none",
    f"container node-pools create l4 {SERVING}": "Already exists: projects/acme-gpu/",
    f"container node-pools delete none {SERVING}": "clusters/serving/nodePools/none",
    "container operations list --region=nowhere": "nowhere",
    "builds list --project=none-such": "none-such",
    "builds describe 00000000-0000-0000-0000-000000000000": "Requested entity was not found",
    "builds submit --no-source --config={empty}": "step",
}


@pytest.mark.slow
def test_every_command_passes_googles_refusals_on(gcloud: Gcloud, tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("steps: []\n")
    said = in_parallel(gcloud.says, [each.format(empty=empty) for each in REFUSALS])
    silent = {
        command: words
        for (command, expected), words in zip(REFUSALS.items(), said, strict=True)
        if expected not in words
    }
    assert silent == {}
