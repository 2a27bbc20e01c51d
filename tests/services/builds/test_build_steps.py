"""The steps of cloudbuild/boot-image.yaml that call gcloud, run as Cloud Build would run them, on the stand-in."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.builds.conftest import PROJECT, ROOT, Cloud
from tests.services.builds.test_image_built import IMAGE, take
from tests.services.builds.test_request_build import SOURCE, ask

ZONE = "us-central1-a"

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed: the steps go untried"),
]


def run(cloud: Cloud, step_id: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The step of the newest build with that id."""
    step = next(each for each in cloud.builds[-1]["steps"] if each["id"] == step_id)
    env = dict(each.split("=", 1) for each in step.get("env", []))
    return call(cloud, [step["entrypoint"], *step["args"]], folder, **env)


def call(cloud: Cloud, command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that calls gcloud. The world's clock stands still, so operations are let end by it meanwhile."""
    (folder / "token").write_text("any-token")
    variables = os.environ | env
    variables |= {
        "CLOUDSDK_CONFIG": str(folder / "config"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(folder / "token"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{cloud.endpoints['compute.googleapis.com']}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBUILD": f"{cloud.endpoints['cloudbuild.googleapis.com']}/",
    }
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while True:
        try:
            out, errors = process.communicate(timeout=0.2)
        except subprocess.TimeoutExpired:
            cloud.advance(5)
        else:
            return subprocess.CompletedProcess(command, process.returncode, out, errors)


def test_the_label_step_gives_an_image_the_labels_that_make_it_ours(cloud: Cloud, tmp_path: Path) -> None:
    ask(cloud)
    cloud.advance(300)
    cloud.change(lambda: cloud.table("compute.images")[IMAGE].pop("labels"))
    done = run(cloud, "label", tmp_path)
    assert done.returncode == 0, done.stderr
    assert cloud.table("compute.images")[IMAGE]["labels"] == {
        "poolwright-environment": "dev",
        "poolwright-run-id": "1",
        "poolwright-source-image": SOURCE,
        "poolwright-gke-version": "1-33-5-gke-1080000",
    }


WRONG: dict[str, dict[str, Any]] = {
    "status": {"status": "FAILED"},
    "architecture": {"architecture": "ARM64"},
    "size": {"diskSizeGb": "50"},
    "family": {"family": "another"},
}


def test_the_verify_step_takes_the_image_that_was_asked_for_and_no_other(cloud: Cloud, tmp_path: Path) -> None:
    ask(cloud)
    cloud.advance(300)
    done = run(cloud, "verify", tmp_path)
    assert done.returncode == 0, done.stderr
    for what, change in WRONG.items():
        was = dict(cloud.table("compute.images")[IMAGE])
        cloud.change(lambda change=change: cloud.table("compute.images")[IMAGE].update(change))  # type: ignore[misc]
        done = run(cloud, "verify", tmp_path)
        assert done.returncode == 1, what
        assert "image poolwright-dev-1 is " in done.stderr
        cloud.change(lambda was=was: cloud.table("compute.images")[IMAGE].update(was))  # type: ignore[misc]


def test_the_step_leftovers_deletes_old_disks_of_dead_machines_and_nothing_else(cloud: Cloud, tmp_path: Path) -> None:
    ask(cloud)
    disks: dict[str, dict[str, Any]] = {
        "poolwright-dev-3-build": {},
        "poolwright-dev-4-build": {"users": [f"projects/{PROJECT}/zones/{ZONE}/instances/poolwright-dev-4-build"]},
        "poolwright-dev-5-build": {"creationTimestamp": (datetime.now(UTC) - timedelta(hours=23)).isoformat()},
        "poolwright-dev-2-6-build": {},
        "poolwright-dev-7-build-data": {},
        "my-poolwright-dev-8-build": {},
    }
    for name, different in disks.items():
        cloud.change(lambda name=name, different=different: add_disk(cloud, name, different))  # type: ignore[misc]
    done = run(cloud, "leftovers", tmp_path)
    assert done.returncode == 0, done.stderr
    left = {path.rpartition("/")[2] for path in cloud.table("compute.disks")}
    assert set(disks) - left == {"poolwright-dev-3-build"}


def add_disk(cloud: Cloud, name: str, different: dict[str, Any]) -> None:
    """A disk that has been there for long, unless it differs in that."""
    path = f"projects/{PROJECT}/zones/{ZONE}/disks/{name}"
    zone = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{ZONE}"
    cloud.table("compute.disks")[path] = {
        "kind": "compute#disk", "id": "1", "name": name, "status": "READY", "sizeGb": "100", "zone": zone,
        "selfLink": f"{zone}/disks/{name}", "creationTimestamp": "2020-01-01T00:00:00.000-00:00",
    } | different  # fmt: skip


def test_the_config_can_be_submitted_by_hand_too(cloud: Cloud, tmp_path: Path) -> None:
    ask(cloud)
    wanted = cloud.builds[0]
    values = {name: value for name, value in wanted["substitutions"].items() if name.startswith("_")}
    values |= {"_RUN_ID": "2", "_IMAGE_NAME": "poolwright-dev-2"}
    done = call(
        cloud,
        [
            "gcloud", "builds", "submit", "--no-source", "--async", f"--project={PROJECT}", "--region=us-central1",
            f"--config={ROOT / 'cloudbuild' / 'boot-image.yaml'}", f"--service-account={wanted['serviceAccount']}",
            "--substitutions=" + ",".join(f"{name}={value}" for name, value in values.items()),
        ],
        tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = cloud.builds[-1]
    assert made["tags"] == ["boot-image", "dev", "run-2"]
    assert [step["id"] for step in made["steps"]] == [step["id"] for step in wanted["steps"]]
    cloud.advance(300)
    assert take(cloud) == "dev-2 begins: 1 groups in 1 waves"
