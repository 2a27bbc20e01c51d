"""The Cloud Build adapter on the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.cloud.devtools.cloudbuild_v1 import CloudBuildClient

from localcloud.cloud_build import CloudBuild
from poolwright.adapters.cloud_build import HOST, CloudBuildApi
from poolwright.adapters.google_access import GoogleAccess
from poolwright.services.ports import Missing, Rejected
from tests.contract.conftest import Served

PROJECT = "demo-project"
LOCATIONS = ["global", "us-central1"]


class Builds:
    """The stand-in, the adapter on it, and a client that submits."""

    def __init__(self, served: Served) -> None:
        self.now = served.world.simulation.now
        served.serve(served.call(CloudBuild, served.world, object()).api())
        access = GoogleAccess(served.endpoints)
        self.adapter = CloudBuildApi(access)
        self._client = access.rest(CloudBuildClient, HOST)

    def submit(self, location: str, **build: Any) -> str:
        body = {"steps": [{"name": "ubuntu", "args": ["true"]}], **build}
        request = {"parent": f"projects/{PROJECT}/locations/{location}", "project_id": PROJECT, "build": body}
        return str(self._client.create_build(request).metadata.build.id)


@pytest.fixture
def builds(served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> Builds:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    running = served(manual=True)
    running.world.publish = lambda topic, data, attributes: None
    return Builds(running)


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_build_is_read_wherever_it_runs(builds: Builds, location: str) -> None:
    account = f"projects/{PROJECT}/serviceAccounts/builder@{PROJECT}.iam.gserviceaccount.com"
    build_id = builds.submit(
        location,
        tags=["poolwright", "run-7"],
        substitutions={"_ENVIRONMENT": "dev"},
        service_account=account,
        options={"logging": "CLOUD_LOGGING_ONLY", "substitution_option": "ALLOW_LOOSE"},
    )
    found = builds.adapter.build(PROJECT, location, build_id)
    assert (found.id, found.project, found.status) == (build_id, PROJECT, "QUEUED")
    assert set(found.tags) == {"poolwright", "run-7"}
    assert found.substitutions["_ENVIRONMENT"] == "dev"
    assert found.service_account == account


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_build_that_is_not_there_is_missing(builds: Builds, location: str) -> None:
    with pytest.raises(Missing):
        builds.adapter.build(PROJECT, location, "7f8fd6f4-3f3b-4c3a-9d58-0d1d5a2d1d11")


@pytest.mark.parametrize("location", LOCATIONS)
def test_builds_are_listed_by_all_their_tags_and_age(
    builds: Builds, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poolwright.adapters.cloud_build._PAGE", 1)
    ours = [builds.submit(location, tags=["poolwright", "dev", f"run-{run}"]) for run in range(3)]
    builds.submit(location, tags=["poolwright", "production"])
    builds.submit(location)

    def listed(*tags: str, since: float) -> list[str]:
        return sorted(build.id for build in builds.adapter.builds(PROJECT, location, tags=tags, since=since))

    hour_ago = builds.now() - 3600
    assert listed("poolwright", "dev", since=hour_ago) == sorted(ours)
    assert listed("dev", "run-1", since=hour_ago) == [ours[1]]
    assert listed("poolwright", since=builds.now() + 3600) == []


BUILD = {
    "steps": [{"name": "packer", "args": ["build", "."], "env": ["PKR_VAR_run_id=${_RUN_ID}"]}],
    "substitutions": {"_ENV": "dev", "_RUN_ID": "7"},
    "tags": ["boot-image", "${_ENV}", "run-${_RUN_ID}"],
    "serviceAccount": f"projects/{PROJECT}/serviceAccounts/builder@{PROJECT}.iam.gserviceaccount.com",
    "source": {"storageSource": {"bucket": "files", "object": "packer.tgz"}},
    "timeout": "7200s",
    "options": {"logging": "CLOUD_LOGGING_ONLY"},
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_build_is_submitted_where_it_should_run_and_found_by_its_tags(builds: Builds, location: str) -> None:
    made = builds.adapter.create(PROJECT, location, BUILD)
    assert (made.status, made.ended, made.created) == ("QUEUED", False, builds.now())
    assert made == builds.adapter.build(PROJECT, location, made.id)
    found = builds.adapter.builds(PROJECT, location, tags=("boot-image", "dev", "run-7"), since=0)
    assert [(each.id, each.substitutions["_RUN_ID"]) for each in found] == [(made.id, "7")]


def test_a_build_that_cloud_build_will_not_have_is_rejected_in_its_words(builds: Builds) -> None:
    with pytest.raises(Rejected, match="service_account") as refused:
        builds.adapter.create(PROJECT, "global", {**BUILD, "options": {}})
    assert refused.value.status == "INVALID_ARGUMENT"


def test_a_build_is_cancelled_once_and_again(builds: Builds) -> None:
    made = builds.adapter.create(PROJECT, "us-central1", BUILD)
    builds.adapter.cancel(PROJECT, "us-central1", made.id)
    builds.adapter.cancel(PROJECT, "us-central1", made.id)
    found = builds.adapter.build(PROJECT, "us-central1", made.id)
    assert (found.status, found.ended, found.failure) == ("CANCELLED", True, "Build cancelled")
    with pytest.raises(Missing):
        builds.adapter.cancel(PROJECT, "global", made.id)
