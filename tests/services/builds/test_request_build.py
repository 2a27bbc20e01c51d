"""Requests of boot-image builds, with everything that may come in between."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
import yaml

from poolwright.references import last_part
from poolwright.services import image_built, request_build, runs, stop
from poolwright.services.ports import Weather
from poolwright.services.request_build import Requested
from poolwright.verdicts import Busy, Refused
from tests.services.builds.conftest import BUILDER, PROJECT, ROOT, Cloud, Died, Process, environment, processes

SOURCE = "gke-1335-gke1080000-cos-121-18867-199-88-c-pre"
LINK = f"projects/gke-node-images/global/images/{SOURCE}"
NEWER = "projects/gke-node-images/global/images/gke-1335-gke1308000-cos-121-18867-199-88-c-pre"
LEASE_SECONDS = 120.0
ZONED = {"source": "gs://acme-builds/packer.tgz", "zone": "us-central1-a"}


def ask(cloud: Cloud, process: Process | None = None, *, source: str = LINK, **fields: Any) -> Requested:
    fields = {"cause": "poolwright build", "requester": "ada"} | fields
    return request_build.request(cloud.ports(process), environment=cloud.environment, source_image=source, **fields)


def take(cloud: Cloud) -> list[str]:
    """What becomes of every build that has ended."""
    ports = cloud.ports()
    found = ports.cloud_build.builds(PROJECT, "us-central1", tags=("boot-image", "dev"), since=0)
    return [
        image_built.take(ports, environment=cloud.environment, build=build, cause="test")
        for build in reversed(found)
        if build.ended
    ]


def test_a_request_is_a_build_that_says_all_that_packer_needs(cloud: Cloud) -> None:
    done = ask(cloud)
    [build] = cloud.builds
    assert (done.run_id, done.build_id) == (1, build["id"])
    assert done.sentence == f"run 1 is being built on {SOURCE}: build {build['id']}"
    assert build["substitutions"] == {
        "_ENV": "dev",
        "_RUN_ID": "1",
        "_SOURCE_IMAGE": SOURCE,
        "_SOURCE_IMAGE_PROJECT": "gke-node-images",
        "_GKE_VERSION": "1-33-5-gke-1080000",
        "_IMAGE_NAME": "poolwright-dev-1",
        "_FAMILY": "poolwright-dev",
        "_ARCHITECTURE": "X86_64",
        "_DISK_SIZE_GB": "100",
        "_MACHINE_TYPE": "e2-standard-4",
        "_ZONE": "us-central1-a",
        "_CONTAINERS": "",
        "_PACKER_SECONDS": "6480",
    }
    assert build["name"].startswith("projects/314159265358/locations/us-central1/builds/")
    assert build["tags"] == ["boot-image", "dev", "run-1"]
    assert build["serviceAccount"] == f"projects/{PROJECT}/serviceAccounts/{BUILDER}"
    assert build["source"]["storageSource"] == {"bucket": "acme-builds", "object": "packer.tgz"}
    assert (build["timeout"], build["options"]["logging"]) == ("7200s", "CLOUD_LOGGING_ONLY")
    image = next(step for step in build["steps"] if step["id"] == "image")
    assert {"PKR_VAR_run_id=1", f"PKR_VAR_source_image={SOURCE}"} <= set(image["env"])
    assert cloud.writes() == ["CreateBuild"]


def test_every_tool_of_the_build_is_pinned() -> None:
    config = yaml.safe_load((ROOT / "cloudbuild" / "boot-image.yaml").read_text("utf-8"))
    versions = [step["name"].partition(":")[2] for step in config["steps"]]
    assert all(version and version[0].isdigit() for version in versions), versions


def test_the_image_that_comes_of_it_is_accepted(cloud: Cloud) -> None:
    ask(cloud)
    cloud.advance(300)
    [sentence] = take(cloud)
    assert sentence == "dev-1 begins: 1 groups in 1 waves"
    run = runs.find(cloud.ports(), "dev", 1)
    assert run is not None
    assert (run.state, run.image, run.build_id) == ("built", "poolwright-dev-1", cloud.builds[0]["id"])


def test_run_ids_count_on_and_a_given_one_must_be_the_next(cloud: Cloud) -> None:
    ask(cloud)
    with pytest.raises(Refused, match=r"7 is not the next: the next run of dev is 2\. Use 2, or leave it out"):
        ask(cloud, source=NEWER, run_id=7)
    assert ask(cloud, source=NEWER, run_id=2).run_id == 2
    assert [build["substitutions"]["_RUN_ID"] for build in cloud.builds] == ["1", "2"]


def test_a_lost_store_counts_on_from_images_and_builds(cloud: Cloud) -> None:
    ask(cloud)
    cloud.advance(300)
    ask(cloud, source=NEWER)
    for stored in cloud.store.all("runs"):
        cloud.store.delete("runs", stored.key, version=stored.version)
    cloud.advance(31 * 86400)  # the builds are too old to be asked for; the image of the second run is there
    assert ask(cloud).run_id == 3


def test_a_request_that_is_repeated_is_the_build_that_goes_on(cloud: Cloud) -> None:
    first = ask(cloud, run_id=1)
    again = ask(cloud, run_id=1)
    assert (again.run_id, again.build_id) == (first.run_id, first.build_id)
    assert ask(cloud, requester="").build_id == first.build_id
    with pytest.raises(Refused, match="2 is not the next: run 1 is being built on"):
        ask(cloud, run_id=2)
    assert len(cloud.builds) == 1


def test_a_process_that_dies_anywhere_leaves_one_build_of_one_run(cloud: Cloud) -> None:
    def run(process: Process) -> None:
        ask(cloud, process)

    died = 0
    for process in processes(run, begin=cloud.begin):
        with pytest.raises(Died):
            run(process)
        died += 1
        cloud.advance(LEASE_SECONDS)
        done = ask(cloud)
        [build] = cloud.builds
        assert (done.run_id, done.build_id) == (1, build["id"]), process.dies
        [found] = runs.all_of(cloud.ports(), "dev")
        assert (found.state, found.build_id) == ("submitted", build["id"])
        assert cloud.told() == [
            ("dev-1", f"build of run 1 on {SOURCE} decided"),
            ("dev-1", f"build {build['id']} submitted"),
        ]
    assert died > 20


def test_weather_anywhere_leaves_one_build_for_whoever_asks_again_at_once(cloud: Cloud) -> None:
    for process in processes(lambda process: ask(cloud, process), begin=cloud.begin):
        process.weather = True
        with suppress(Weather):  # what gives the lease back may fail too, when all is done
            ask(cloud, process)
        try:
            done = ask(cloud)
        except Busy:  # the lease could not be given back
            cloud.advance(LEASE_SECONDS)
            done = ask(cloud)
        assert [build["id"] for build in cloud.builds] == [done.build_id], process.dies
        assert [run.run_id for run in runs.all_of(cloud.ports(), "dev")] == [1]


def test_a_tick_submits_what_was_decided_by_somebody_who_died(cloud: Cloud) -> None:
    def run(process: Process) -> None:
        ask(cloud, process)

    for process in processes(run, begin=cloud.begin):
        with pytest.raises(Died):
            run(process)
        decided = runs.find(cloud.ports(), "dev", 1) is not None
        cloud.advance(LEASE_SECONDS)
        request_build.complete(cloud.ports(), cloud.environment)
        assert len(cloud.builds) == decided, process.dies


def test_of_two_builds_of_one_run_the_first_goes_on(cloud: Cloud) -> None:
    """A list that is behind shows no build although the answer to its submission was lost."""
    ports = cloud.ports()
    object.__setattr__(ports, "cloud_build", Forgetful(ports.cloud_build))
    with pytest.raises(TimeoutError):
        request_build.request(ports, environment=cloud.environment, source_image=LINK, cause="x", requester="ada")
    cloud.advance(1)
    done = request_build.request(ports, environment=cloud.environment, source_image=LINK, cause="x", requester="ada")
    assert [build["status"] for build in cloud.builds] == ["QUEUED", "CANCELLED"]
    assert done.build_id == cloud.builds[0]["id"]


class Forgetful:
    """Cloud Build that loses its first answer, and whose list is behind once after that."""

    def __init__(self, real: Any) -> None:
        self._real, self._created, self._behind = real, 0, 1

    def create(self, *args: Any) -> Any:
        self._created += 1
        made = self._real.create(*args)
        if self._created == 1:
            raise TimeoutError
        return made

    def builds(self, *args: Any, tags: tuple[str, ...], since: float) -> Any:
        if self._created == 1 and len(tags) == 3 and self._behind:
            self._behind -= 1
            return []
        return self._real.builds(*args, tags=tags, since=since)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_what_cloud_build_refuses_is_said_and_the_next_request_is_the_next_run(cloud: Cloud) -> None:
    build = msgspec.structs.replace(cloud.environment.build, timeout_seconds=86400 * 2)
    cloud.environment = msgspec.structs.replace(cloud.environment, build=build)
    with pytest.raises(Refused, match=r"the build of run 1: .*timeout"):
        ask(cloud)
    [run] = runs.all_of(cloud.ports(), "dev")
    assert run.state == "failed"
    assert "timeout" in run.reason
    cloud.environment = environment()
    assert ask(cloud).run_id == 2


@pytest.mark.parametrize(
    ("changed", "source", "where"),
    [
        ({"build": {}}, LINK, "build.source"),
        ({"sourceImage": {}}, LINK, "build.zone"),
        ({"sourceImage": {"image": "gke-1329-cos"}, "build": ZONED}, LINK, "sourceImage.image"),
        ({"build": ZONED | {"diskSizeGb": 11}}, LINK, "build.diskSizeGb"),
        ({}, "projects/x/images/Y", "sourceImage"),
        ({}, "gke-nowhere", "sourceImage"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_with_the_field(cloud: Cloud, changed: Any, source: str, where: str) -> None:
    cloud.environment = environment(**changed)
    cloud.change(lambda: cloud.table("compute.images")[LINK].update(diskSizeGb="12"))
    with pytest.raises(Refused) as refused:
        ask(cloud, source=source)
    assert refused.value.where == where
    assert cloud.writes() == []
    assert cloud.store.all("runs") == []


def test_observe_says_what_it_would_build_and_writes_nothing(cloud: Cloud) -> None:
    cloud.environment = environment(mode="observe")
    assert ask(cloud) == Requested(1, "", f"run 1 would be built on {SOURCE}; mode is observe")
    assert ask(cloud).run_id == 1
    assert cloud.writes() == []
    assert cloud.told() == [("dev-1", f"run 1 would be built on {SOURCE}; mode is observe")]


def test_nothing_is_built_while_poolwright_is_stopped(cloud: Cloud) -> None:
    stop.set_stop(cloud.ports(), who="ada", why="an incident")
    with pytest.raises(Refused, match="an incident"):
        ask(cloud)
    assert cloud.builds == []


def test_only_one_request_of_an_environment_is_under_way_at_a_time(cloud: Cloud) -> None:
    process = Process(dies=(12, "before"))
    with pytest.raises(Died):
        ask(cloud, process)
    with pytest.raises(Busy, match="builds/dev is in the hands of"):
        ask(cloud)


def test_automation_never_passes_the_pinned_run(cloud: Cloud) -> None:
    cloud.environment = environment(runId=1)
    assert ask(cloud, requester="").run_id == 1
    with pytest.raises(Refused, match="dev is pinned to run 1, and the next build would be run 2"):
        ask(cloud, requester="", source=NEWER)
    assert ask(cloud, source=NEWER).run_id == 2  # a person may


def test_automation_does_not_build_again_what_is_there(cloud: Cloud) -> None:
    ask(cloud, requester="")
    cloud.advance(300)
    take(cloud)
    done = ask(cloud, requester="")
    assert done == Requested(1, "", f"run 1 of dev is on {SOURCE} already")
    assert ask(cloud).run_id == 2  # a person may have changed what packer does


@pytest.mark.parametrize("step", ["plugins", "verify"])
def test_automation_tries_three_times_with_an_hour_between(cloud: Cloud, step: str) -> None:
    """Also where an image is there, which the build's own last look found wrong."""
    failing = {"tag": "boot-image", "step": {"plugins": 0, "verify": -1}[step], "times": 9}
    cloud.change(lambda: cloud.table("cloudBuild.failing").update({"all": failing}))
    for run_id in (1, 2, 3):
        assert ask(cloud, requester="").run_id == run_id
        cloud.advance(300)
        take(cloud)
        if run_id < 3:
            wait = ask(cloud, requester="")
            assert (wait.run_id, wait.build_id) == (run_id, "")
            assert "it is tried again in 60 minutes" in wait.sentence
        cloud.advance(3600)
    with pytest.raises(Refused, match=f"runs 1, 2, 3 on {last_part(LINK)} came to nothing"):
        ask(cloud, requester="")
    assert len(cloud.builds) == 3
    assert ask(cloud).run_id == 4
