"""A boot-image build may do what it does, and nothing else: the real packer, one build that ends well and one that is
stopped half way, and gcloud's commands after it, with the stand-in holding their identity to the role that Terraform
gives it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from localcloud import credentials
from localcloud.cloud_build.substitutions import substituted
from poolwright.adapters.google_access import SCOPES
from tests.end_to_end.serving import Served
from tests.packer.conftest import everything_is_here, folder, node, registry
from tests.packer.machine import ROOT, Registry
from tests.packer.test_template import BUILDER, IMAGE, Packer, cloud, gone, packer
from tests.permissions import roles
from tests.permissions.test_stand_in import signed_in

pytestmark = [pytest.mark.packer, pytest.mark.usefixtures("builder")]

__all__ = ["cloud", "everything_is_here", "folder", "node", "packer", "registry"]

# Every build writes its log so (https://cloud.google.com/build/docs/securing-builds/store-manage-build-logs).
LOG = "logging.logEntries.create"


@pytest.fixture
def builder(cloud: Served) -> None:
    """The identity whose key file packer gets, with its role: its email, or its number where the scopes that a client
    asks for do not tell the email."""
    email = f"poolwright@{cloud.manifest['project']}.iam.gserviceaccount.com"
    may = sorted(map(str, roles.of_builder()))
    role = dict.fromkeys((email, credentials.unique_id(email)), may)
    assert cloud.http("localcloud", "PUT", "/roles", role)[0] == 200


@pytest.mark.parametrize("packer", ["pinned"], indirect=True)
def test_a_build_that_is_stopped_may_clean_up(packer: Packer, registry: Registry) -> None:
    registry.wire.hold(after=500_000)
    process = packer.start("image", registry.push("held"))
    assert registry.wire.held.wait(60)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    registry.wire.release()
    gone(packer)
    assert needed(packer.cloud) <= set(map(str, roles.of_builder()))


@pytest.mark.parametrize("packer", ["pinned"], indirect=True)
def test_a_build_may_do_what_it_does_and_nothing_else(packer: Packer, registry: Registry, folder: Path) -> None:
    status, out = packer.run("image", registry.push("model"))
    assert status == 0, out
    for step in ("leftovers", "label", "verify"):
        gcloud(packer, step, folder)
    used = needed(packer.cloud)
    assert sorted(used | {LOG}) == sorted(map(str, roles.of_builder()))


def gcloud(packer: Packer, step: str, folder: Path) -> None:
    """A step of the build config, by real gcloud."""
    if not shutil.which("gcloud"):
        pytest.skip("gcloud is missing: what its steps of a build need goes untried")
    cloud = packer.cloud
    key = json.loads(Path(cloud.manifest["env"]["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    token = folder / "token"
    token.write_text(signed_in(cloud, key["client_email"], scopes=SCOPES[:1]))
    env = cloud.environment | {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token)}
    source = packer.source
    values = BUILDER | {"_SOURCE_IMAGE": source["name"], "_ARCHITECTURE": "X86_64", "_CONTAINERS": ""}
    values |= {"_SOURCE_IMAGE_PROJECT": source["selfLink"].split("/projects/")[1].split("/")[0]}
    config = substituted(yaml.safe_load((ROOT / "cloudbuild" / "boot-image.yaml").read_text("utf-8")), values)
    [found] = [each for each in config["steps"] if each["id"] == step]
    env |= dict(each.split("=", 1) for each in found.get("env", []))
    command = [found["entrypoint"], *found["args"]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def needed(cloud: Served) -> set[str]:
    """What builds needed so far; they must have had all of it."""
    found = cloud.http("localcloud", "GET", "/roles")[1]
    assert (found["denied"], found["unknown"]) == ({}, []), IMAGE
    return {each for uses in found["uses"].values() for needs in uses.values() for each in needs}
