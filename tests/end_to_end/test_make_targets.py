"""The make targets under the names that operators know: each answers a missing or wrong variable with what would do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.operator import BASE, TOPICS, Operator, environment, image, world
from tests.end_to_end.serving import PROJECT, Served, serve

TARGETS = (
    "gcloud-auth", "tidy", "create-test-ref-node-pool", "check-latest-source-image", "fetch-current-metadata",
    "delete-test-ref-node-pool", "build-boot-disk", "list-node-pools", "mutate-instance-groups",
    "rollback-instance-groups",
)  # fmt: skip
OF_RUNS = ("build-boot-disk", "mutate-instance-groups", "rollback-instance-groups")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve("--state", str(world(tmp_path_factory.mktemp("world"), image("dev", 1))), "--speed", "60") as here:
        for topic in TOPICS:
            assert here.http("pubsub.googleapis.com", "PUT", f"/v1/projects/{PROJECT}/topics/{topic}", {})[0] == 200
        yield here


@pytest.fixture(scope="module")
def operator(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    folder = tmp_path_factory.mktemp("environments")
    pool = {"cluster": "serving", "machineType": "g2-standard-24", "zone": "us-central1-a"}
    environment(
        folder, "dev", sourceImage={"image": BASE, "referencePool": pool},
        build={"source": "gs://acme/packer.tar.gz", "zone": "us-central1-a"},
    )  # fmt: skip
    environment(folder, "staging", clusters=[{"name": "other", "location": "us-central1"}])
    return Operator(served.environment | {"POOLWRIGHT_ENVIRONMENTS": str(folder)})


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_without_an_environment_names_those_there_are(operator: Operator, target: str) -> None:
    nowhere = Operator({**operator.variables, "POOLWRIGHT_PROJECT": "", "GOOGLE_CLOUD_PROJECT": ""})
    said = nowhere.make(target)  # whatever else is missing
    assert said.status != 0
    assert "no environment is named. Use --env with one of: dev, staging." in said.err
    assert "Traceback" not in said.err


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_with_an_environment_that_is_not_there_names_the_nearest(operator: Operator, target: str) -> None:
    said = operator.make(target, ENV="stagin")
    assert said.status != 0
    assert "there is no environment 'stagin'. Use --env staging; there are dev, staging." in said.err


@pytest.mark.parametrize("target", OF_RUNS)
@pytest.mark.parametrize("run_id", ["latest", "0"])
def test_a_run_id_that_is_no_number_is_refused(operator: Operator, target: str, run_id: str) -> None:
    said = operator.make(target, ENV="dev", RUN_ID=run_id)
    assert said.status != 0
    assert f"'{run_id}' is no run id. Give a whole number from 1" in said.err


@pytest.mark.parametrize("target", ["mutate-instance-groups", "rollback-instance-groups"])
def test_groups_that_are_not_there_are_refused_with_those_that_are(operator: Operator, target: str) -> None:
    said = operator.make(target, ENV="dev", INSTANCE_GROUPS="gke-serving-l4-grp,gke-nobody-grp")
    assert said.status != 0
    assert "dev has no instance group gke-serving-l4-grp, gke-nobody-grp. Nearest: gke-serving-" in said.err
    assert "Known: gke-serving-a100-" in said.err


def test_a_run_id_that_disagrees_with_the_counter_is_refused(operator: Operator) -> None:
    said = operator.make("build-boot-disk", ENV="dev", RUN_ID="7")
    assert said.status != 0
    assert "7 is not the next: the next run of dev is 2. Use 2, or leave it out." in said.err


def test_a_run_that_has_no_image_is_refused_with_those_that_have_one(operator: Operator) -> None:
    said = operator.make("mutate-instance-groups", ENV="dev", RUN_ID="7")
    assert said.status != 0
    assert "dev has no boot image of run 7. Use one of the runs that have one: 1." in said.err


def test_a_run_that_was_never_rolled_out_cannot_be_rolled_back(operator: Operator) -> None:
    said = operator.make("rollback-instance-groups", ENV="dev", RUN_ID="1")
    assert said.status != 0
    assert "dev has no rollout yet. Start one: poolwright rollout start --env dev." in said.err


def test_node_pools_are_listed(operator: Operator) -> None:
    said = operator.make("list-node-pools", ENV="dev")
    assert said.status == 0, said.err
    assert "serving/l4" in said.out


def test_whoever_may_read_the_project_is_told_so(operator: Operator) -> None:
    said = operator.make("gcloud-auth", ENV="dev")
    assert said.status == 0, said.err
    assert "and can read 2 clusters" in said.out


@pytest.mark.slow
def test_the_reference_pool_is_created_checked_fetched_and_deleted(operator: Operator) -> None:
    """The steps of the manual procedure, each twice: whoever is interrupted begins again."""
    missing = operator.make("check-latest-source-image", ENV="dev")
    assert "dev has no reference pool. Create it first: poolwright reference create --env dev." in missing.err
    for _ in range(2):
        assert operator.make("create-test-ref-node-pool", ENV="dev").status == 0
    assert "The reference pool of serving is still there" in operator.make("tidy", ENV="dev").out
    checked = operator.make("check-latest-source-image", ENV="dev")
    assert "They agree: no build is due." in checked.out
    assert BASE in checked.out
    first, second = (operator.make("fetch-current-metadata", ENV="dev") for _ in range(2))
    assert "It is the first fetch" in first.out
    assert "GKE changed nothing since the last fetch." in second.out
    for _ in range(2):
        assert operator.make("delete-test-ref-node-pool", ENV="dev").status == 0
    pools = operator.json("pools", "--env", "dev")["pools"]
    assert "poolwright-reference" not in {each["pool"] for each in pools}
    tidied = operator.make("tidy", ENV="dev")
    assert tidied.status == 0, tidied.err
    assert tidied.out == "dev: 0 templates and images are gone, 0 were due.\n"


def test_help_groups_the_targets(operator: Operator) -> None:
    said = operator.make("help")
    operate = said.out.partition("Operate")[2].partition("Try and develop")[0]
    assert all(f"  {target} " in operate for target in TARGETS)
