"""Builds through Google's own client library, REST and gRPC."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Forbidden, GoogleAPICallError, NotFound
from google.cloud.devtools import cloudbuild_v1
from google.protobuf import duration_pb2

from tests.contract.cloud_build.conftest import Stage

STEPS = [{"name": "gcr.io/cloud-builders/gcloud", "args": ["version"]}, {"name": "ubuntu", "args": ["true"]}]
STATUS = cloudbuild_v1.Build.Status
REGION = "projects/demo-project/locations/us-central1"


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, stage: Stage) -> cloudbuild_v1.CloudBuildClient:
    return stage.client(request.param)


def submit(client: cloudbuild_v1.CloudBuildClient, parent: str = "", **build: object) -> str:
    body = {"steps": STEPS, **build}
    request = {"parent": parent, "project_id": "demo-project", "build": body}
    return str(client.create_build(request).metadata.build.id)


def test_a_build_goes_from_queued_to_success_and_tells_each_status(
    stage: Stage, client: cloudbuild_v1.CloudBuildClient
) -> None:
    operation = client.create_build(project_id="demo-project", build={"steps": STEPS, "tags": ["web"]})
    build_id = operation.metadata.build.id
    assert operation.operation.name.startswith("operations/build/demo-project/")
    assert operation.metadata.build.status == STATUS.QUEUED
    stage.advance(6)
    working = client.get_build(project_id="demo-project", id=build_id)
    assert working.status == STATUS.WORKING
    assert [step.status for step in working.steps] == [STATUS.WORKING, STATUS.STATUS_UNKNOWN]
    stage.advance(60)
    finished = operation.result(timeout=20)
    assert finished.status == STATUS.SUCCESS
    assert [step.status for step in finished.steps] == [STATUS.SUCCESS, STATUS.SUCCESS]
    assert finished.steps[0].timing.end_time <= finished.steps[1].timing.start_time
    assert len(finished.results.build_step_images) == 2
    assert finished.log_url.endswith(f"{build_id}?project=314159265358")
    assert finished.logs_bucket == "gs://314159265358.cloudbuild-logs.googleusercontent.com"
    assert stage.statuses() == ["QUEUED", "WORKING", "SUCCESS"]
    topic, attributes, last = stage.messages[-1]
    assert topic == "projects/demo-project/topics/cloud-builds"
    assert attributes == {"buildId": build_id, "status": "SUCCESS"}
    assert last["name"] == f"projects/314159265358/locations/global/builds/{build_id}"
    assert last["finishTime"] and last["projectId"] == "demo-project"


def test_a_regional_build_is_found_by_its_name_only(client: cloudbuild_v1.CloudBuildClient) -> None:
    build_id = submit(client, REGION)
    found = client.get_build({"name": f"{REGION}/builds/{build_id}"})
    assert found.name == f"projects/314159265358/locations/us-central1/builds/{build_id}"
    assert "builds;region=us-central1/" in found.log_url
    by_number = client.get_build({"name": f"projects/314159265358/locations/us-central1/builds/{build_id}"})
    assert by_number == found
    with pytest.raises(NotFound, match="Requested entity was not found"):
        client.get_build(project_id="demo-project", id=build_id)


def test_packer_makes_the_image_whatever_the_steps_after_it_find(
    stage: Stage, client: cloudbuild_v1.CloudBuildClient
) -> None:
    failing = {"tag": "boot-image", "step": 2}
    stage.served.call(stage.served.world.table("cloudBuild.failing").update, {"verify": failing})
    steps = [
        {"name": "hashicorp/packer:1.11.2", "args": ["validate", "packer"]},
        {"name": "hashicorp/packer:1.11.2", "args": ["build", "packer"]},
        {"name": "gcr.io/google.com/cloudsdktool/google-cloud-cli:525.0.0-slim", "args": ["info"]},
    ]
    loose = {"substitution_option": "ALLOW_LOOSE"}
    build_id = submit(client, REGION, steps=steps, tags=["boot-image"], substitutions={"_RUN_ID": "7"}, options=loose)
    stage.advance(5 + 15)
    assert stage.images.made == []
    stage.advance(600)
    assert [image["name"] for image in stage.images.made] == ["poolwright-dev-7"]
    stage.advance(60)
    assert client.get_build({"name": f"{REGION}/builds/{build_id}"}).status == STATUS.FAILURE


def test_a_boot_image_build_ends_with_an_image(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    source = "projects/gke-node-images/global/images/gke-1334-cos-121"
    submit(
        client,
        REGION,
        tags=["boot-image", "dev"],
        substitutions={"_ENV": "dev", "_RUN_ID": "42", "_SOURCE_IMAGE": source, "_GKE_VERSION": "1.33.5-gke.1080000"},
        options={"substitution_option": "ALLOW_LOOSE"},
    )
    stage.advance(3000)
    (image,) = stage.images.made
    assert image["name"] == "poolwright-dev-42" and image["family"] == "poolwright-dev"
    assert image["labels"] == {
        "poolwright-environment": "dev",
        "poolwright-run-id": "42",
        "poolwright-source-image": "gke-1334-cos-121",
        "poolwright-gke-version": "1-33-5-gke-1080000",
    }
    assert stage.statuses()[-1] == "SUCCESS"


def test_an_image_that_is_there_already_fails_the_build(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    stage.images.insert_image({"name": "poolwright-dev-42"})
    build_id = submit(
        client,
        tags=["boot-image", "$_ENV", "run-$_RUN_ID"],
        substitutions={"_ENV": "dev", "_RUN_ID": "42"},
    )
    stage.advance(3000)
    failed = client.get_build(project_id="demo-project", id=build_id)
    assert failed.status == STATUS.FAILURE and "already exists" in failed.failure_info.detail
    assert list(failed.tags) == ["boot-image", "dev", "run-42"]


def test_a_world_can_make_a_build_fail(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    stage.served.world.table("cloudBuild.failing")["bad day"] = {"tag": "web", "step": 0, "exitCode": 3, "times": 1}
    operation = client.create_build(project_id="demo-project", build={"steps": STEPS, "tags": ["web"]})
    stage.advance(100)
    with pytest.raises(GoogleAPICallError, match="Build failed; check build logs for details"):
        operation.result(timeout=20)
    failed = client.get_build(project_id="demo-project", id=operation.metadata.build.id)
    assert failed.status == STATUS.FAILURE and failed.status_detail == "Build step failure"
    assert failed.failure_info.type_ == cloudbuild_v1.Build.FailureInfo.FailureType.USER_BUILD_STEP
    assert failed.failure_info.detail.endswith("failed: step exited with non-zero status: 3")
    assert failed.steps[0].exit_code == 3 and not failed.steps[1].status
    again = client.retry_build(project_id="demo-project", id=failed.id)
    stage.advance(100)
    assert again.result(timeout=20).status == STATUS.SUCCESS and again.metadata.build.id != failed.id


def test_a_build_over_its_time_limit_times_out(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    build_id = submit(client, timeout=duration_pb2.Duration(seconds=20))
    stage.advance(100)
    late = client.get_build(project_id="demo-project", id=build_id)
    assert late.status == STATUS.TIMEOUT and late.steps[1].status == STATUS.TIMEOUT
    assert stage.statuses() == ["QUEUED", "WORKING", "TIMEOUT"]


def test_steps_that_wait_for_nothing_run_side_by_side(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    steps = [{"name": "a", "id": "a"}, {"name": "b", "wait_for": ["-"]}, {"name": "c", "wait_for": ["a"]}]
    build_id = submit(client, steps=steps)
    stage.advance(6)
    found = client.get_build(project_id="demo-project", id=build_id)
    assert [step.status for step in found.steps] == [STATUS.WORKING, STATUS.WORKING, STATUS.STATUS_UNKNOWN]


def test_a_build_is_cancelled_once(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    build_id = submit(client)
    stage.advance(6)
    cancelled = client.cancel_build(project_id="demo-project", id=build_id)
    assert cancelled.status == STATUS.CANCELLED and cancelled.steps[0].status == STATUS.CANCELLED
    with pytest.raises(BadRequest, match="already finished"):
        client.cancel_build(project_id="demo-project", id=build_id)
    stage.advance(100)
    assert stage.statuses() == ["QUEUED", "WORKING", "CANCELLED"]


def test_builds_are_listed_newest_first_by_page_and_filter(
    stage: Stage, client: cloudbuild_v1.CloudBuildClient
) -> None:
    made = []
    for number in range(5):
        made.append(submit(client, tags=["even" if number % 2 == 0 else "odd"]))
        stage.advance(1)
    pages = list(client.list_builds({"project_id": "demo-project", "page_size": 2}).pages)
    assert [len(each.builds) for each in pages] == [2, 2, 1]
    assert [each.id for found in pages for each in found.builds] == made[::-1]

    def ids(text: str) -> list[str]:
        return [each.id for each in client.list_builds(project_id="demo-project", filter=text)]

    assert ids('tags="odd"') == [made[3], made[1]]
    assert ids('status="SUCCESS"') == []
    assert ids('NOT tags="odd" AND status="WORKING" OR status="QUEUED"') == [made[4], made[2], made[0]]
    third = client.get_build(project_id="demo-project", id=made[2]).create_time
    assert ids(f'create_time>"{third.isoformat()}"') == [made[4], made[3]]
    with pytest.raises(BadRequest, match="unknown field"):
        ids('colour="red"')
    with pytest.raises(BadRequest, match="syntax error at line 1, column 8"):
        ids("status=")


@pytest.mark.parametrize(
    ("build", "text"),
    [
        ({"steps": []}, "invalid build: invalid .steps field: no build steps are specified"),
        ({"steps": [{"args": ["x"]}]}, "build step 0 must specify name"),
        ({"timeout": {"seconds": 90000}}, "timeout exceeds the timeout limit of 24h0m0s"),
        ({"substitutions": {"_X": "1"}}, 'key "_X" in the substitution data is not matched in the template'),
        (
            {"steps": [{"name": "a", "args": ["$_Y"]}]},
            'key in the template "_Y" is not matched in the substitution data',
        ),
        (
            {"steps": [{"name": "a", "args": ["${TAG}"]}]},
            'key in the template "TAG" is not a valid built-in substitution',
        ),
        ({"substitutions": {"lower": "1"}}, 'substitution key "lower" does not respect format'),
        (
            {"service_account": "projects/demo-project/serviceAccounts/me@demo-project.iam.gserviceaccount.com"},
            "if 'build.service_account' is specified, the build must either \\(a\\) specify 'build.logs_bucket'",
        ),
        ({"steps": [{"name": "a", "wait_for": ["b"]}]}, 'build step #0 depends on "b", which has not been defined'),
    ],
)
def test_a_build_that_cannot_be_is_refused(
    client: cloudbuild_v1.CloudBuildClient, build: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadRequest, match=text):
        submit(client, **build)


def test_a_project_nobody_knows_is_denied(client: cloudbuild_v1.CloudBuildClient) -> None:
    with pytest.raises(Forbidden, match="no-such-project"):
        list(client.list_builds(project_id="no-such-project"))


def test_the_dollar_can_be_meant(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    step = {"name": "a", "args": ["$$HOME", "${PROJECT_ID}/$_X", "$BUILD_ID"]}
    build_id = submit(client, steps=[step], substitutions={"_X": "1"})
    found = client.get_build(project_id="demo-project", id=build_id)
    assert list(found.steps[0].args) == ["$HOME", "demo-project/1", build_id]


def test_a_trigger_runs_its_build(stage: Stage, client: cloudbuild_v1.CloudBuildClient) -> None:
    trigger = client.create_build_trigger(
        project_id="demo-project",
        trigger={"name": "boot", "build": {"steps": STEPS, "options": {"substitution_option": "ALLOW_LOOSE"}}},
    )
    assert [each.name for each in client.list_build_triggers(project_id="demo-project")] == ["boot"]
    operation = client.run_build_trigger(
        project_id="demo-project", trigger_id=trigger.id, source={"branch_name": "main"}
    )
    build = operation.metadata.build
    assert build.build_trigger_id == trigger.id and build.substitutions["BRANCH_NAME"] == "main"
    client.delete_build_trigger(project_id="demo-project", trigger_id=trigger.id)
    with pytest.raises(NotFound):
        client.get_build_trigger(project_id="demo-project", trigger_id=trigger.id)


def test_the_default_service_account_is_named(client: cloudbuild_v1.CloudBuildClient) -> None:
    found = client.get_default_service_account(name=f"{REGION}/defaultServiceAccount")
    assert found.service_account_email.endswith("314159265358-compute@developer.gserviceaccount.com")
