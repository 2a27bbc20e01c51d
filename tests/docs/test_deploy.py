"""Whoever types what docs/deploy.md says has the three flows running, as Google's API tells, and can undo it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.docs.newcomer import clone, commands, environment

PAGE, LAST = "deploy.md", "## Uninstall"
TOOLS = ("gcloud", "kubectl", "gke-gcloud-auth-plugin")
MISSING = [name for name in TOOLS if shutil.which(name) is None]
PATIENCE_SECONDS = 120.0
TYPING_SECONDS = 900.0
SHOWN = 6000  # characters of a log
ZONE = "us-central1-a"
HEARD = {"image_built": "image-built", "node_pool_changed": "node-pool-audit", "gpu_alert": "gpu-alert"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.gcloud,
    pytest.mark.skipif(bool(MISSING), reason=f"docs/deploy.md is not gone through: no {', '.join(MISSING)} here"),
]


@dataclass
class Cloud:
    """The stand-in as any client of Google's REST APIs sees it."""

    manifest: dict[str, Any]

    def get(self, host: str, path: str, **query: str) -> Any:
        project = self.manifest["project"]
        url = self.manifest["endpoints"][host] + path.format(project=project)
        answer = requests.get(url, params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def compute(self, path: str, **query: str) -> Any:
        return self.get("compute.googleapis.com", "/compute/v1/projects/{project}/" + path, **query)

    def group(self, pool: str) -> Any:
        """The instance group of a pool."""
        pools = "/v1/projects/{project}/locations/us-central1/clusters/serving/nodePools/" + pool
        (url,) = self.get("container.googleapis.com", pools)["instanceGroupUrls"]
        return self.compute(f"zones/{ZONE}/instanceGroupManagers/{url.rpartition('/')[2]}")

    def image(self, pool: str) -> str:
        """The image that the pool's next node boots."""
        template = self.compute(self.group(pool)["instanceTemplate"].partition("/projects/my-project/")[2])
        (boot,) = (disk for disk in template["properties"]["disks"] if disk.get("boot"))
        return str(boot["initializeParams"]["sourceImage"]).rpartition("/")[2]

    def templates(self) -> list[str]:
        return [each["name"] for each in self.compute("global/instanceTemplates")["items"]]

    def subscriptions(self) -> list[str]:
        found = self.get("pubsub.googleapis.com", "/v1/projects/{project}/subscriptions").get("subscriptions", [])
        return [each["name"].rpartition("/")[2] for each in found]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("newcomer"))


@pytest.fixture(scope="module")
def cloud(checkout: Path) -> Iterator[Cloud]:
    """`make rehearsal`, in another terminal."""
    written = checkout / "rehearsal.log"
    with written.open("wb") as log:
        process = subprocess.Popen(
            ["make", "-s", "rehearsal"], cwd=checkout, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        _until("rehearsal", lambda: b"source" in written.read_bytes(), process, log=written)
        yield Cloud(json.loads((checkout / "build" / "rehearsal" / "manifest.json").read_text("utf-8")))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


@contextmanager
def _typing(checkout: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One shell, in which the page is typed down to its last part, and that once file `go-on` is there."""
    script = "\n".join([
        "set -euxo pipefail", "source build/rehearsal/env.sh", commands(PAGE, before=LAST), "touch typed",
        "while [ ! -e go-on ]; do sleep 0.2; done", commands(PAGE, after=LAST),
    ])  # fmt: skip
    with (checkout / "shell.log").open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-c", script], cwd=checkout, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield shell
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


def test_who_follows_the_page_has_the_three_flows_running(checkout: Path, cloud: Cloud) -> None:
    with _typing(checkout) as shell:
        log = checkout / "shell.log"
        _until("end of the page", (checkout / "typed").exists, shell, log=log, patience=TYPING_SECONDS)

        assert cloud.image("l4") == "poolwright-dev-2"  # built in mode act: it went out by itself
        assert any("-l4-second-" in name and "-pw-1-" in name for name in cloud.templates())  # mutated at its birth
        assert cloud.image("l4-second") == "poolwright-dev-2"
        _until("third node", lambda: cloud.group("l4")["targetSize"] > 2, shell, log=log)
        for function, subscription in HEARD.items():  # else a tick has healed what was never heard
            _until(subscription, partial(_handled, checkout, function, subscription), shell, log=log)

        (checkout / "go-on").touch()
        assert shell.wait(PATIENCE_SECONDS) == 0, log.read_text("utf-8")[-SHOWN:]
        assert {cloud.image(each)[:4] for each in ("l4", "l4-second")} == {"gke-"}
        assert cloud.subscriptions() == []


def _handled(checkout: Path, function: str, subscription: str) -> bool:
    """Whether a function has handled a message of a subscription."""
    log = checkout / "build" / "rehearsal" / f"{function}.log"
    told = log.read_text("utf-8").splitlines() if log.exists() else []
    lines = [json.loads(line) for line in told if line.startswith("{")]
    labels = [line.get("logging.googleapis.com/labels", {}) for line in lines if "outcome=handled" in line["message"]]
    return any(each.get("subscription", "").endswith(f"/{subscription}") for each in labels)


def _until(
    what: str, so: Any, process: subprocess.Popen[bytes], *, log: Path, patience: float = PATIENCE_SECONDS
) -> None:
    """Wait for it as long as the process lives; what it wrote is in `log`."""
    end = time.monotonic() + patience
    while not so():
        assert process.poll() is None and time.monotonic() < end, f"no {what}: {log.read_text('utf-8')[-SHOWN:]}"
        time.sleep(0.2)
