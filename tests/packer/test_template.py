"""Real packer builds the template: the stand-in is Google, a disposable root with a real sshd is the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.serving import PROJECT, SMALL, Served, serve
from tests.packer.machine import PACKER, ROOT, Machine, Registry, eventually, kill

pytestmark = pytest.mark.packer

COMPUTE = "compute.googleapis.com"
ZONE = "us-central1-a"
IMAGE = "poolwright-dev-1"
# Packer 1.6 signs with ssh-rsa alone, which OpenSSH takes only when told to.
SSHD = (
    "/usr/sbin/sshd -D -e -o UsePAM=no -o PubkeyAcceptedAlgorithms=+ssh-rsa -o ListenAddress={address}:22 "
    "-o PidFile=none >>/run/sshd.log 2>&1"
)
BUILDER = {
    "_ZONE": ZONE,
    "_MACHINE_TYPE": "e2-standard-4",
    "_DISK_SIZE_GB": "100",
    "_IMAGE_NAME": IMAGE,
    "_FAMILY": "poolwright-dev",
    "_ENV": "dev",
    "_RUN_ID": "1",
    "_GKE_VERSION": "1-33-5-gke-1080000",
    "PROJECT_ID": PROJECT,
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    with serve("--state", str(SMALL), "--speed", "60") as served:
        # Instances get addresses of loopback, where the real sshd listens.
        assert served.http("localcloud", "PUT", "/tables/compute.addressing", {"outside": 127})[0] == 200
        yield served


@pytest.fixture
def packer(cloud: Served, node: Machine, folder: Path) -> Iterator[Packer]:
    made = Packer(cloud, node, folder)
    try:
        yield made
    finally:
        made.stop()


class Packer:
    """`packer` as cloudbuild/boot-image.yaml calls it, and the guest agent of the machine that it makes."""

    def __init__(self, cloud: Served, node: Machine, folder: Path) -> None:
        self.cloud, self.node = cloud, node
        self.instance: dict[str, Any] = {}
        self._template = folder / "packer"
        self._home = folder / "home"
        self._home.mkdir()
        shutil.copytree(PACKER, self._template)
        (self._template / "plugins.pkr.hcl").unlink()
        self._ended = threading.Event()
        self._sshd: subprocess.Popen[str] | None = None
        self._build: subprocess.Popen[str] | None = None
        self._agent = threading.Thread(target=self._play_guest_agent)
        shutil.rmtree(node.path("/tmp/poolwright"))

    def start(self, command: str, *containers: str) -> subprocess.Popen[str]:
        """packer, with variables from the build config's own env."""
        source = self.source
        values = BUILDER | {
            "_SOURCE_IMAGE": source["name"],
            "_SOURCE_IMAGE_PROJECT": source["selfLink"].split("/projects/")[1].split("/")[0],
            "_CONTAINERS": ",".join(containers),
        }
        config = yaml.safe_load((ROOT / "cloudbuild" / "boot-image.yaml").read_text("utf-8"))
        step = next(each for each in config["steps"] if each["id"] == "image")
        variables = dict(each.split("=", 1) for each in step["env"])
        for name, value in values.items():
            variables = {key: text.replace(f"${{{name}}}", value) for key, text in variables.items()}
        manifest = self.cloud.manifest
        variables |= {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "HTTPS_PROXY": manifest["proxy"]["url"],
            "SSL_CERT_FILE": manifest["proxy"]["ca_file"],
            "GOOGLE_APPLICATION_CREDENTIALS": manifest["env"]["GOOGLE_APPLICATION_CREDENTIALS"],
            "CHECKPOINT_DISABLE": "1",
        }
        self._agent.start()
        self._build = subprocess.Popen(
            ["packer", command, *(["-color=false", "-timestamp-ui"] if command == "build" else []), "."],
            cwd=self._template, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        return self._build

    def run(self, command: str, *containers: str) -> tuple[int, str]:
        """packer to its end: exit status and what it printed."""
        process = self.start(command, *containers)
        out = process.communicate(timeout=150)[0]
        return process.returncode, out

    @property
    def source(self) -> dict[str, Any]:
        """A GKE node image of the stand-in."""
        images: dict[str, Any] = self.cloud.http("localcloud", "GET", "/world")[1]["tables"]["compute.images"]
        return next(each for path, each in sorted(images.items()) if path.startswith("projects/gke-node-images/"))

    def get(self, path: str) -> tuple[int, Any]:
        """Of Compute."""
        return self.cloud.http(COMPUTE, "GET", f"/compute/v1/projects/{PROJECT}/{path}")

    def leftovers(self) -> list[str]:
        """Names of this build's machines and disks."""
        return [
            each["name"]
            for kind in ("instances", "disks")
            for each in self.get(f"zones/{ZONE}/{kind}")[1].get("items", [])
            if each["name"].startswith("poolwright-")
        ]

    def stop(self) -> None:
        """The machine is left to itself, and a build that still runs is ended."""
        if self._build is not None and self._build.poll() is None:
            kill(self._build)
        self._ended.set()
        if self._agent.ident is not None:
            self._agent.join(20)
        if self._sshd is not None:
            os.killpg(self._sshd.pid, signal.SIGKILL)
            self._sshd.communicate()

    def _play_guest_agent(self) -> None:
        """When the instance runs: its `ssh-keys` into their user's file, and sshd on its address."""
        while not self._ended.wait(0.1):
            status, found = self.get(f"zones/{ZONE}/instances/{IMAGE}-build")
            if status == 200 and found["status"] == "RUNNING":
                break
        else:
            return
        self.instance = found
        keys = next(each["value"] for each in found["metadata"]["items"] if each["key"] == "ssh-keys")
        user, _, key = keys.partition(":")
        folder = self.node.path(f"/home/{user}/.ssh")
        (folder / "authorized_keys").write_text(f"{key}\n")
        self.node.run(f"chown -R {user}: /home/{user}; chmod 700 /home/{user}/.ssh; chmod 600 /home/{user}/.ssh/*")
        address = found["networkInterfaces"][0]["accessConfigs"][0]["natIP"]
        self._sshd = self.node.start(SSHD.format(address=address))


def gone(packer: Packer) -> None:
    """No machine and no disk of the build is left, and no image was made."""
    eventually(lambda: packer.leftovers() == [], "instance and disk are gone")
    assert packer.get(f"global/images/{IMAGE}")[0] == 404


def test_the_whole_template_is_valid(packer: Packer) -> None:
    status, out = packer.run("validate")
    assert status == 0, out


def test_a_container_image_that_is_nowhere_fails_the_build(packer: Packer, registry: Registry) -> None:
    nowhere = f"{registry.host}/nowhere@sha256:{'0' * 64}"
    status, out = packer.run("build", nowhere)
    assert status == 1
    assert f"poolwright: error: {nowhere} cannot be pulled" in out, out
    gone(packer)


def test_a_container_image_that_was_tampered_with_fails_the_build(packer: Packer, registry: Registry) -> None:
    image = registry.push("tampered")
    largest = max(registry.layers(image), key=lambda each: each.stat().st_size)
    largest.write_bytes(bytes(reversed(largest.read_bytes())))
    status, out = packer.run("build", image)
    assert status == 1
    assert f"poolwright: error: {image} cannot be pulled" in out, out
    gone(packer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_stopped_half_way_leaves_nothing(
    packer: Packer, registry: Registry, number: signal.Signals
) -> None:
    image = registry.push(f"held-{int(number)}")
    registry.wire.hold(after=500_000)
    process = packer.start("build", image)
    assert registry.wire.held.wait(60)
    os.killpg(process.pid, number)  # all of it, as a terminal and a container that is stopped do
    out = process.communicate(timeout=60)[0]
    registry.wire.release()
    assert process.returncode != 0, out
    gone(packer)


def test_an_image_is_made_and_labelled_and_the_machine_is_gone(packer: Packer, registry: Registry) -> None:
    images = registry.push("model"), registry.push("server")
    status, out = packer.run("build", *images)
    assert status == 0, out
    made = packer.get(f"global/images/{IMAGE}")[1]
    assert made["status"] == "READY"
    assert made["family"] == "poolwright-dev"
    assert made["labels"] == {
        "poolwright-environment": "dev",
        "poolwright-run-id": "1",
        "poolwright-source-image": packer.source["name"],
        "poolwright-gke-version": "1-33-5-gke-1080000",
    }
    assert made["diskSizeGb"] == "100"
    assert made["architecture"] == "X86_64"
    assert made.get("guestOsFeatures") == packer.source.get("guestOsFeatures")
    assert packer.leftovers() == []
    assert packer.node.images() == {(each, each.partition("@")[2]) for each in images}
    assert packer.node.path("/home/kubernetes/poolwright/boot-image").read_text() == (
        f"environment=dev\nrun-id=1\nsource-image={packer.source['name']}\n"
    )
    assert "private_key" not in str(packer.instance)
    assert list(packer.node.path("/etc/ssh").glob("ssh_host_*")) == []
