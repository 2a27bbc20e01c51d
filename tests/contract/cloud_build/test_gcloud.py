"""gcloud, unmodified, on the builds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.cloud_build.conftest import HOST, Stage, make_stage
from tests.contract.conftest import Served

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(
        shutil.which("gcloud") is None, reason="gcloud's builds commands are not proved: no gcloud here"
    ),
]

CONFIG = {
    "steps": [{"name": "ubuntu", "args": ["echo", "$_WORD"]}],
    "substitutions": {"_WORD": "hello"},
    "serviceAccount": "projects/demo-project/serviceAccounts/builder@demo-project.iam.gserviceaccount.com",
    "options": {"logging": "CLOUD_LOGGING_ONLY"},
}


class Gcloud:
    """gcloud pointed at the stage by nothing but its settings."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.folder = folder
        token = folder / "token"
        token.write_text("any")
        self._env = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_CORE_PROJECT": "demo-project",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBUILD": f"{stage.served.endpoints[HOST]}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": f"{stage.served.endpoints['logging.googleapis.com']}/",
            # The address of logs in a bucket is written into gcloud: it is reached through the proxy.
            "HTTPS_PROXY": f"http://127.0.0.1:{stage.served.listeners.proxy_port}",
            "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(stage.served.listeners.authority.ca_file),
            # Where this is set it wins over gcloud's own setting.
            "REQUESTS_CA_BUNDLE": str(stage.served.listeners.authority.ca_file),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["gcloud", "builds", *words, "--format=json"]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=False)

    def submit(self, *words: str, **changes: object) -> subprocess.CompletedProcess[str]:
        config = self.folder / "build.json"
        config.write_text(json.dumps({**CONFIG, **changes}))
        return self.run("submit", "--no-source", f"--config={config}", *words)


@pytest.fixture
def gcloud(served: Callable[..., Served], tmp_path: Path) -> Gcloud:
    stage = make_stage(served(speed=60))
    stage.served.world.table("cloudBuild.timings").update(step=60)
    return Gcloud(stage, tmp_path)


def test_gcloud_submits_a_build_waits_and_describes_it(gcloud: Gcloud) -> None:
    done = gcloud.submit()
    assert done.returncode == 0, done.stderr
    build = json.loads(done.stdout)
    assert build["status"] == "SUCCESS" and build["steps"][0]["args"] == ["echo", "hello"]
    described = json.loads(gcloud.run("describe", build["id"]).stdout)
    assert described["serviceAccount"] == CONFIG["serviceAccount"]
    (listed,) = json.loads(gcloud.run("list", "--filter=status=SUCCESS").stdout)
    assert listed["id"] == build["id"]
    assert json.loads(gcloud.run("list", "--ongoing").stdout) == []


def test_gcloud_follows_the_log_in_the_bucket(gcloud: Gcloud) -> None:
    done = gcloud.submit(options={}, serviceAccount="")
    assert done.returncode == 0, done.stderr
    assert "Starting Step #0" in done.stdout and "DONE" in done.stdout


def test_gcloud_prints_the_log_in_cloud_logging(gcloud: Gcloud) -> None:
    gcloud.submit()
    (build_id,) = [each["id"] for each in json.loads(gcloud.run("list").stdout)]
    printed = gcloud.run("log", build_id)
    assert "Finished Step #0" in printed.stdout, printed.stderr


def test_gcloud_reports_a_failed_build(gcloud: Gcloud) -> None:
    gcloud.stage.served.world.table("cloudBuild.failing")["all"] = {}
    failed = gcloud.submit("--region=us-central1")
    assert failed.returncode == 1
    assert 'BUILD FAILURE: Build step failure: build step 0 "ubuntu" failed' in failed.stderr


def test_gcloud_cancels_a_build_and_hears_why_not(gcloud: Gcloud) -> None:
    gcloud.stage.served.world.table("cloudBuild.timings").update(step=6000)
    build_id = json.loads(gcloud.submit("--async").stdout)["id"]
    assert gcloud.run("cancel", build_id).returncode == 0
    assert gcloud.stage.client().get_build(project_id="demo-project", id=build_id).status.name == "CANCELLED"
    again = gcloud.run("cancel", build_id)
    assert again.returncode == 1 and "FAILED_PRECONDITION" in again.stderr


def test_gcloud_prints_what_google_says(gcloud: Gcloud) -> None:
    refused = gcloud.submit(options={})
    assert refused.returncode == 1
    assert "INVALID_ARGUMENT: generic::invalid_argument: if 'build.service_account' is specified" in refused.stderr
    missing = gcloud.run("describe", "6d0f6b1e-9a51-4c3e-8a6d-7d8fdcb2a002")
    assert "NOT_FOUND: Requested entity was not found." in missing.stderr
    unknown = gcloud.run("list", "--project=no-such-project")
    assert unknown.returncode == 1 and "no-such-project" in unknown.stderr
