"""gcloud, as it is installed, talks to the stand-in's Compute."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.compute.conftest import NODE_IMAGE, PROJECT, ZONE, Cloud, template
from tests.contract.conftest import Served

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed: its commands go untried"),
]
AT = f"--zone={ZONE}"
MANAGED = ("compute", "instance-groups", "managed")
TEMPLATES = ("compute", "instance-templates")
IMAGES = ("compute", "images")


class Gcloud:
    """gcloud with a configuration of its own, pointed at one Compute."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        (folder / "token").write_text("any-token")
        self._environment = os.environ | {
            "CLOUDSDK_CONFIG": str(folder / "config"),
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(folder / "token"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{endpoint}/compute/v1/",
        }

    def __call__(self, *arguments: str) -> Any:
        """What the command answers, as JSON; it must succeed."""
        done = self._run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "[]")

    def waits(self, *arguments: str) -> None:
        """A command that only waits; it must succeed."""
        done = self._run(*arguments)
        assert done.returncode == 0, done.stderr

    def refused(self, *arguments: str) -> str:
        """What a command that must fail says."""
        done = self._run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["gcloud", *arguments, "--format=json"]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture
def gcloud(served: Callable[..., Served], tmp_path: Path) -> Gcloud:
    """gcloud and a Compute with a node image, a template and a group of two."""
    cloud = Cloud(served(speed=120))
    cloud.do(cloud.compute.insert_image, NODE_IMAGE)
    cloud.do(cloud.compute.insert_instance_template, template("small"))
    cloud.group("pool", 2)
    return Gcloud(tmp_path, cloud.endpoint)


def test_templates_are_created_listed_described_and_deleted(gcloud: Gcloud) -> None:
    source = ("--image-family=node-image", f"--image-project={PROJECT}")
    gcloud(*TEMPLATES, "create", "mine", "--machine-type=e2-small", "--metadata=a=b", *source)
    assert [each["name"] for each in gcloud(*TEMPLATES, "list")] == ["mine", "small"]
    assert gcloud(*TEMPLATES, "describe", "mine")["properties"]["machineType"] == "e2-small"
    assert "is already being used by" in gcloud.refused(*TEMPLATES, "delete", "small")
    assert "Must be a match of regex" in gcloud.refused(*TEMPLATES, "create", "Bad", *source)
    gcloud.waits(*MANAGED, "delete", "pool", AT)
    gcloud(*TEMPLATES, "delete", "small")
    assert "instanceTemplates/small' was not found" in gcloud.refused(*TEMPLATES, "describe", "small")


def test_groups_are_listed_described_and_resized(gcloud: Gcloud) -> None:
    (listed,) = gcloud(*MANAGED, "list")
    assert (listed["name"], listed["targetSize"], listed["autoscaled"]) == ("pool", 2, "no")
    gcloud(*MANAGED, "resize", "pool", AT, "--size=3")
    gcloud.waits(*MANAGED, "wait-until", "pool", AT, "--stable")
    described = gcloud(*MANAGED, "describe", "pool", AT)
    assert (described["targetSize"], described["status"]["isStable"]) == (3, True)
    members = gcloud(*MANAGED, "list-instances", "pool", AT)
    assert [each["currentAction"] for each in members] == ["NONE"] * 3
    assert "instanceGroupManagers/none' was not found" in gcloud.refused(*MANAGED, "describe", "none", AT)


def test_members_are_created_and_deleted_by_name(gcloud: Gcloud) -> None:
    gcloud(*MANAGED, "create-instance", "pool", AT, "--instance=mine")
    assert "mine" in [each["name"] for each in gcloud(*MANAGED, "list-instances", "pool", AT)]
    gcloud(*MANAGED, "delete-instances", "pool", AT, "--instances=mine")
    assert gcloud(*MANAGED, "list-errors", "pool", AT) == []
    refusal = gcloud.refused(*MANAGED, "delete-instances", "pool", AT, "--instances=stranger")
    assert "is not a member of" in refusal


def test_a_template_is_set_and_rolled_out(gcloud: Gcloud) -> None:
    source = ("--image-family=node-image", f"--image-project={PROJECT}")
    gcloud(*TEMPLATES, "create", "other", "--machine-type=e2-small", *source)
    gcloud(*MANAGED, "set-instance-template", "pool", AT, "--template=other")
    gcloud(*MANAGED, "rolling-action", "start-update", "pool", AT, "--version=template=other", "--max-unavailable=2")
    gcloud.waits(*MANAGED, "wait-until", "pool", AT, "--version-target-reached")
    members = gcloud(*MANAGED, "list-instances", "pool", AT)
    assert {each["version"]["instanceTemplate"].rpartition("/")[2] for each in members} == {"other"}
    refusal = gcloud.refused(*MANAGED, "set-instance-template", "pool", AT, "--template=none")
    assert "instanceTemplates/none' was not found" in refusal


def test_a_resize_request_is_made_once(gcloud: Gcloud) -> None:
    request = ("resize-requests", "create", "pool", AT, "--resize-request=r1", "--resize-by=1")
    assert gcloud(*MANAGED, *request)[0]["name"] == "r1"
    assert "already exists" in gcloud.refused(*MANAGED, *request)
    assert [each["name"] for each in gcloud(*MANAGED, "resize-requests", "list", "pool", AT)] == ["r1"]


def test_images_are_made_from_disks(gcloud: Gcloud) -> None:
    gcloud("compute", "disks", "create", "work", AT, "--image=node-image-1", "--size=20GB")
    assert "work" in [each["name"] for each in gcloud("compute", "disks", "list")]
    source = ("--source-disk=work", f"--source-disk-zone={ZONE}", "--family=baked", "--labels=env=dev")
    gcloud(*IMAGES, "create", "baked-1", *source)
    gcloud(*IMAGES, "add-labels", "baked-1", "--labels=run=7")
    assert gcloud(*IMAGES, "describe", "baked-1")["labels"] == {"env": "dev", "run": "7"}
    assert gcloud(*IMAGES, "describe-from-family", "baked")["name"] == "baked-1"
    listed = gcloud(*IMAGES, "list", "--no-standard-images", "--filter=labels.run=7")
    assert [each["name"] for each in listed] == ["baked-1"]
    assert "disks/none' was not found" in gcloud.refused(
        *IMAGES, "create", "x", "--source-disk=none", f"--source-disk-zone={ZONE}"
    )
    gcloud(*IMAGES, "delete", "baked-1")
    assert "images/baked-1' was not found" in gcloud.refused(*IMAGES, "describe", "baked-1")


def test_what_there_is_can_be_looked_at(gcloud: Gcloud) -> None:
    instances = gcloud("compute", "instances", "list")
    assert len(instances) == 2
    described = gcloud("compute", "instances", "describe", instances[0]["name"], AT)
    assert described["id"] == instances[0]["id"]
    assert "instances/none' was not found" in gcloud.refused("compute", "instances", "describe", "none", AT)
    types = gcloud("compute", "machine-types", "list", f"--zones={ZONE}", "--filter=name:g2-standard*")
    assert "g2-standard-48" in [each["name"] for each in types]
    assert ZONE in [each["name"] for each in gcloud("compute", "zones", "list")]
    gcloud(*MANAGED, "resize", "pool", AT, "--size=1")
    operations = gcloud("compute", "operations", "list")
    assert "compute.instanceGroupManagers.resize" in [each["operationType"] for each in operations]
