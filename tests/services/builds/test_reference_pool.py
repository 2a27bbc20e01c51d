"""The reference pool, on a cluster that somebody else uses too."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poolwright.references import REFERENCE_POOL, ClusterRef, PoolRef
from poolwright.services import known_rollouts, metadata_folder, node_pools, reference, stop
from poolwright.services.reference import Status
from poolwright.verdicts import Busy, Refused
from tests.services.builds.conftest import DEV, PROJECT, Cloud, Died, Json, Process, environment, processes
from tests.services.builds.test_image_built import take
from tests.services.builds.test_request_build import LEASE_SECONDS, ask
from tests.unit.boot_images.examples import SECRET_KEYS

CLUSTER = ClusterRef(PROJECT, "us-central1", "serving")
POOL = PoolRef(CLUSTER, "poolwright-reference")
SOURCE = "gke-1335-gke1080000-cos-121-18867-199-88-c-pre"
LINK = f"projects/gke-node-images/global/images/{SOURCE}"
Step = Callable[..., Status]


def step(cloud: Cloud, do: Step, process: Process | None = None) -> Status:
    return do(cloud.ports(process), environment=cloud.environment, cause="poolwright reference", requester="ada")


def finish(cloud: Cloud, do: Step) -> Status:
    """What a person's command line does: again and again, with some seconds between."""
    for _ in range(100):
        status = step(cloud, do)
        if status.done:
            return status
        cloud.advance(20)
    raise AssertionError(f"it did not end: {status}")


def row(cloud: Cloud) -> Json:
    found: Json = cloud.table("gke.nodePools")[str(POOL)]
    return found


def test_it_is_made_without_nodes_and_deleted_again(cloud: Cloud) -> None:
    first = step(cloud, reference.create)
    assert (first.state, first.done, first.sentence) == ("creating", False, "GKE is creating poolwright-reference")
    assert (step(cloud, reference.create).state, len(cloud.writes())) == ("creating", 1)
    assert finish(cloud, reference.create) == Status(
        pool=str(POOL), state="ready", done=True, sentence="poolwright-reference is RUNNING"
    )
    made = row(cloud)
    assert (made["initialNodeCount"], made["autoscaling"], made["locations"]) == (0, {}, ["us-central1-a"])
    assert made["config"]["labels"] == {REFERENCE_POOL: "dev"}
    assert not [each for each in cloud.table("compute.instances") if "poolwright-reference" in each]

    assert step(cloud, reference.delete).state == "deleting"
    assert finish(cloud, reference.delete).state == "absent"
    assert finish(cloud, reference.delete).state == "absent"
    assert cloud.writes() == ["CreateNodePool", "DeleteNodePool"]
    assert cloud.told() == [
        (str(POOL), "create it"),
        (str(POOL), "GKE began to create it"),
        (str(POOL), "delete it"),
        (str(POOL), "GKE began to delete it"),
    ]


def test_it_can_be_made_again_while_it_is_being_deleted(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    step(cloud, reference.delete)
    assert step(cloud, reference.create).state == "deleting"
    assert finish(cloud, reference.create).state == "ready"


@pytest.mark.parametrize("do", [reference.create, reference.delete])
def test_a_process_that_dies_anywhere_is_gone_on_with(cloud: Cloud, do: Step) -> None:
    def prepare() -> None:
        cloud.begin()
        if do is reference.delete:
            finish(cloud, reference.create)

    verb = "create" if do is reference.create else "delete"
    before = 0 if do is reference.create else 1
    moments = 0
    for process in processes(lambda process: step(cloud, do, process), begin=prepare):
        with pytest.raises(Died):
            step(cloud, do, process)
        moments += 1
        cloud.advance(LEASE_SECONDS)
        assert finish(cloud, do).state == ("ready" if do is reference.create else "absent")
        assert len(cloud.writes()) == before + 1, process.dies
        said = [what for _, what in cloud.told()][before * 2 :]
        effects = [what for what in said if what == f"GKE began to {verb} it"]
        assert (len(effects), said[0]) == (1, f"{verb} it"), process.dies
    assert moments > 15


def test_another_pool_of_that_name_is_never_touched(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    cloud.change(lambda: row(cloud)["config"].update(labels={"team": "web"}))
    begun = cloud.writes()
    for do in (reference.create, reference.delete):
        with pytest.raises(Refused, match="is not the reference pool of dev"):
            step(cloud, do)
    for look in (reference.check, reference.source_image):
        with pytest.raises(Refused, match="is not the reference pool of dev"):
            look(cloud.ports(), cloud.environment)
    assert cloud.writes() == begun


def test_a_pool_that_differs_is_refused_with_what_differs(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    wanted = {
        "cluster": "serving",
        "machineType": "n1-standard-8",
        "accelerator": "nvidia-tesla-t4",
        "zone": "us-central1-b",
    }
    cloud.environment = environment(sourceImage={"referencePool": wanted})
    with pytest.raises(Refused) as refused:
        step(cloud, reference.create)
    assert refused.value.problem == (
        "poolwright-reference has machine type g2-standard-8, not n1-standard-8; 1 of nvidia-l4, not 1 of "
        "nvidia-tesla-t4; zones us-central1-a, not us-central1-b"
    )
    assert refused.value.remedy == "Delete it first: poolwright reference delete --env dev"


def test_what_gke_will_not_make_is_said_in_its_words(cloud: Cloud) -> None:
    wanted = DEV["sourceImage"]["referencePool"] | {"accelerator": "nvidia-nowhere"}  # type: ignore[index]
    cloud.environment = environment(sourceImage={"referencePool": wanted})
    with pytest.raises(Refused, match='GKE does not create it: Accelerator type "nvidia-nowhere" does not exist'):
        step(cloud, reference.create)
    assert [what for _, what in cloud.told()] == ["create it", "not done: create it"]
    cloud.environment = environment()
    assert finish(cloud, reference.create).state == "ready"


def test_a_pool_that_gke_gave_up_is_to_be_deleted_first(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    cloud.change(lambda: row(cloud).update(status="ERROR", statusMessage="no quota"))
    with pytest.raises(Refused, match="GKE could not make poolwright-reference: no quota"):
        step(cloud, reference.create)
    assert finish(cloud, reference.delete).state == "absent"


def test_an_operation_on_the_cluster_is_waited_for(cloud: Cloud) -> None:
    gke = cloud.stack.gke
    cloud.change(lambda: gke.operations.start("UPDATE_CLUSTER", str(CLUSTER), None, stage="cluster.done", after=60))
    with pytest.raises(Busy, match="GKE is at work on serving"):
        step(cloud, reference.create)
    cloud.advance(61)
    assert finish(cloud, reference.create).state == "ready"


@pytest.mark.parametrize("do", [reference.create, reference.delete])
def test_observe_and_a_stop_forbid_it(cloud: Cloud, do: Step) -> None:
    cloud.environment = environment(mode="observe")
    with pytest.raises(Refused, match="dev is only observed"):
        step(cloud, do)
    cloud.environment = environment()
    stop.set_stop(cloud.ports(), who="ada", why="an incident")
    with pytest.raises(Refused, match="an incident"):
        step(cloud, do)
    assert cloud.writes() == []


@pytest.mark.parametrize(
    ("source_image", "where"),
    [
        ({}, "sourceImage.referencePool"),
        ({"referencePool": {"cluster": "other", "machineType": "g2-standard-8"}}, "sourceImage.referencePool.cluster"),
    ],
)
def test_an_environment_that_describes_none_is_told_so(cloud: Cloud, source_image: Any, where: str) -> None:
    cloud.environment = environment(sourceImage=source_image)
    with pytest.raises(Refused) as refused:
        step(cloud, reference.create)
    assert refused.value.where == where
    assert "environments/dev.yaml" in refused.value.remedy


def test_no_image_ever_goes_to_it(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    ask(cloud)
    cloud.advance(300)
    take(cloud)
    [rollout] = known_rollouts.all_of(cloud.ports(), "dev")
    assert {target.pool for target in rollout.targets} == {f"{CLUSTER}/nodePools/l4"}
    pool = next(pool for pool in cloud.ports().gke.cluster(CLUSTER).pools if pool.is_reference)
    assert node_pools.left_alone(cloud.environment, pool) == "the reference pool"


# What it shows


def test_it_must_be_there_to_be_looked_at(cloud: Cloud) -> None:
    with pytest.raises(Refused, match="dev has no reference pool"):
        reference.check(cloud.ports(), cloud.environment)
    step(cloud, reference.create)
    with pytest.raises(Busy, match="GKE is working on poolwright-reference"):
        reference.check(cloud.ports(), cloud.environment)


def test_the_image_that_gke_uses_is_compared_with_ours(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    found = reference.check(cloud.ports(), cloud.environment)
    assert (found.used, found.link, found.node_version) == (SOURCE, LINK, "1.33.5-gke.1080000")
    assert (found.agrees, found.sentences) == (False, (f"dev has no boot image yet; build one on {SOURCE}.",))
    assert reference.source_image(cloud.ports(), cloud.environment) == LINK

    ask(cloud)
    cloud.advance(300)
    take(cloud)
    found = reference.check(cloud.ports(), cloud.environment)
    assert (found.run_id, found.boot_image, found.built_on, found.agrees) == (1, "poolwright-dev-1", SOURCE, True)

    cloud.environment = environment(sourceImage=DEV["sourceImage"] | {"image": "gke-1329-cos"})  # type: ignore[operator]
    found = reference.check(cloud.ports(), cloud.environment)
    assert found.sentences == (f"environments/dev.yaml names gke-1329-cos; GKE uses {SOURCE}.",)


def secrets_of(cloud: Cloud) -> dict[str, str]:
    tables = cloud.table("gke.secrets")
    found: dict[str, str] = tables[str(CLUSTER)] | tables[str(POOL)]
    return found


def test_what_is_fetched_holds_no_secret_plain_or_in_base64(cloud: Cloud) -> None:
    finish(cloud, reference.create)
    files = reference.fetch(cloud.ports(), cloud.environment, before={}).files
    assert files["cluster-name"] == "serving"
    assert files["kube-env/KUBELET_ARGS"].startswith("--v=2 ")
    assert files["kube-env/KUBELET_KEY"].startswith("<secret sha256:")
    text = "\n".join(files.values())
    hidden = secrets_of(cloud)
    assert {"KUBELET_KEY", "KUBELET_CERT", "TPM_BOOTSTRAP_KEY", "KONNECTIVITY_AGENT_CLIENT_KEY"} <= set(hidden)
    for key, value in hidden.items():
        assert value.strip() not in text, key
        assert base64.b64encode(value.encode()).decode() not in text, key
    assert "PRIVATE KEY" not in text


def test_a_fetch_says_what_gke_changed_since_the_last(cloud: Cloud, tmp_path: Path) -> None:
    folder = tmp_path / "dev" / "metadata"
    folder.parent.mkdir()
    finish(cloud, reference.create)
    first = reference.fetch(cloud.ports(), cloud.environment, before=metadata_folder.read(folder))
    assert (first.first, first.changes) == (True, ())
    metadata_folder.replace(folder, first.files)
    assert (folder / "kube-env" / "KUBELET_ARGS").read_text() == first.files["kube-env/KUBELET_ARGS"]

    again = reference.fetch(cloud.ports(), cloud.environment, before=metadata_folder.read(folder))
    assert (again.first, again.changes, again.files) == (False, (), first.files)

    ports = cloud.ports()
    labels = {"labels": {REFERENCE_POOL: "dev", "team": "web"}}
    cloud.gke("UpdateNodePool", name=str(POOL), labels=labels)
    cloud.advance(60)
    changed = reference.fetch(ports, cloud.environment, before=metadata_folder.read(folder))
    assert {each.key for each in changed.changes} >= {"kube-labels", "kube-env/KUBELET_ARGS"}
    labels_changed = next(each for each in changed.changes if each.key == "kube-labels")
    assert "team=web" not in str(labels_changed.before)
    assert "team=web" in str(labels_changed.after)


def test_the_design_names_no_secret_that_the_test_above_leaves_out(cloud: Cloud) -> None:
    """Every secret key of the design, put into the template that is fetched."""
    finish(cloud, reference.create)
    canary = "c4n4ry-Hz7Qp0-private-key"
    encoded = base64.b64encode(canary.encode()).decode()
    template = next(
        value for key, value in cloud.table("compute.instanceTemplates").items() if "poolwright-reference" in key
    )

    def plant() -> None:
        for item in template["properties"]["metadata"]["items"]:
            if item["key"] == "kube-env":
                item["value"] += "".join(f"\n{key}_PLAIN: {canary}\n{key}: {encoded}" for key in SECRET_KEYS)
            if item["key"] == "user-data":  # a shown item that quotes one of them
                item["value"] += f"\n# {canary}\n"
        items = template["properties"]["metadata"]["items"]
        items += [{"key": "startup-script", "value": f"echo {canary}"}, {"key": "ssh-keys", "value": encoded}]

    cloud.change(plant)
    files = reference.fetch(cloud.ports(), cloud.environment, before={}).files
    assert {f"kube-env/{key}" for key in SECRET_KEYS} <= set(files)
    assert files["kube-env/ALLOCATE_NODE_CIDRS"] == "true"
    assert not [path for path, text in files.items() if canary in text or encoded in text]
