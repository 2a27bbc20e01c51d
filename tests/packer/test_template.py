"""Real packer builds the template: the stand-in is Google, a disposable root with a real sshd is the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.cloud_build.substitutions import substituted
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
BUILT = ROOT / "build" / "packer"  # packer and its plugin as cloudbuild/boot-image.yaml pins them, by `make packer`
# What packer 1.6 knows nothing of; it has the builder built in.
NEWER = ("max_run_duration_in_seconds", "instance_termination_action")
BUILDER = {
    "_ZONE": ZONE,
    "_MACHINE_TYPE": "e2-standard-4",
    "_DISK_SIZE_GB": "100",
    "_IMAGE_NAME": IMAGE,
    "_FAMILY": "poolwright-dev",
    "_ENV": "dev",
    "_RUN_ID": "1",
    "_GKE_VERSION": "1-33-5-gke-1080000",
    "_PACKER_SECONDS": "6480",
    "PROJECT_ID": PROJECT,
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    with serve("--state", str(SMALL), "--speed", "60") as served:
        # Instances get addresses of loopback, where the real sshd listens.
        assert served.http("localcloud", "PUT", "/tables/compute.addressing", {"outside": 127})[0] == 200
        yield served


@pytest.fixture(params=["pinned", "debian"])
def packer(request: pytest.FixtureRequest, cloud: Served, node: Machine, folder: Path) -> Iterator[Packer]:
    """The one that Cloud Build runs, with the whole template; and Debian's."""
    if request.param == "pinned" and not (BUILT / ".done").exists():
        pytest.skip("build/packer is missing (make packer): the pinned packer and its plugin go untried")
    made = Packer(cloud, node, folder, pinned=request.param == "pinned")
    try:
        yield made
    finally:
        made.stop()


of_the_pinned_one = pytest.mark.parametrize("packer", ["pinned"], indirect=True)


class Packer:
    """`packer` as cloudbuild/boot-image.yaml calls it, and the guest agent of the machine that it makes."""

    def __init__(self, cloud: Served, node: Machine, folder: Path, *, pinned: bool) -> None:
        self.cloud, self.node = cloud, node
        self.instance: dict[str, Any] = {}
        self._pinned = pinned
        self._workspace = folder / "workspace"
        self._home = folder / "home"
        self._home.mkdir()
        shutil.copytree(PACKER, self._workspace / "packer")
        if not pinned:
            leave_out_what_is_newer(self._workspace / "packer")
        self._ended = threading.Event()
        self._sshd: subprocess.Popen[str] | None = None
        self._build: subprocess.Popen[str] | None = None
        self._agent = threading.Thread(target=self._play_guest_agent)
        shutil.rmtree(node.path("/tmp/poolwright"))

    def start(self, step_id: str, *containers: str, **substitutions: str) -> subprocess.Popen[str]:
        """A step of the build config, as Cloud Build runs it."""
        source = self.source
        values = BUILDER | {
            "_SOURCE_IMAGE": source["name"],
            "_SOURCE_IMAGE_PROJECT": source["selfLink"].split("/projects/")[1].split("/")[0],
            "_CONTAINERS": ",".join(containers),
        }
        config = yaml.safe_load((ROOT / "cloudbuild" / "boot-image.yaml").read_text("utf-8"))
        [step] = [each for each in substituted(config, values | substitutions)["steps"] if each["id"] == step_id]
        manifest = self.cloud.manifest
        variables = dict(each.split("=", 1) for each in step.get("env", [])) | {
            "PATH": f"{BUILT}:{os.environ['PATH']}" if self._pinned else os.environ["PATH"],
            "PACKER_PLUGIN_PATH": str(BUILT / "plugins"),
            "HOME": str(self._home),
            "HTTPS_PROXY": manifest["proxy"]["url"],
            "SSL_CERT_FILE": manifest["proxy"]["ca_file"],
            "GOOGLE_APPLICATION_CREDENTIALS": manifest["env"]["GOOGLE_APPLICATION_CREDENTIALS"],
            "CHECKPOINT_DISABLE": "1",
        }
        if self._agent.ident is None:
            self._agent.start()
        self._build = subprocess.Popen(
            [step.get("entrypoint", "packer"), *step["args"]], cwd=self._workspace, env=variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        return self._build

    def run(self, step_id: str, *containers: str, **substitutions: str) -> tuple[int, str]:
        """A step to its end: exit status and what it printed."""
        process = self.start(step_id, *containers, **substitutions)
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
        """The machine is left to itself, a build that still runs is ended, and an image that was made is deleted."""
        if self._build is not None and self._build.poll() is None:
            kill(self._build)
        self._ended.set()
        if self._agent.ident is not None:
            self._agent.join(20)
        if self._sshd is not None:
            os.killpg(self._sshd.pid, signal.SIGKILL)
            self._sshd.communicate()
        image = f"/compute/v1/projects/{PROJECT}/global/images/{IMAGE}"
        if self.cloud.http(COMPUTE, "DELETE", image)[0] == 200:
            eventually(lambda: self.get(f"global/images/{IMAGE}")[0] == 404, "the image is gone")

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


def leave_out_what_is_newer(template: Path) -> None:
    """What remains is the template as packer 1.6 knows it."""
    (template / "plugins.pkr.hcl").unlink()
    file = template / "boot-image.pkr.hcl"
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.strip().startswith(NEWER)]
    assert len(lines) - len(kept) == len(NEWER)
    file.write_text("".join(kept))


def gone(packer: Packer) -> None:
    """No machine and no disk of the build is left, and no image was made."""
    eventually(lambda: packer.leftovers() == [], "instance and disk are gone")
    assert packer.get(f"global/images/{IMAGE}")[0] == 404


def test_the_whole_template_is_valid(packer: Packer) -> None:
    status, out = packer.run("validate")
    assert status == 0, out


@pytest.mark.skipif(
    not (BUILT / ".done").exists(), reason="build/packer is missing (make packer): its form goes untried"
)
def test_the_template_is_written_as_packer_writes_it() -> None:
    done = subprocess.run(
        [BUILT / "packer", "fmt", "-check", "-diff", PACKER],
        env=os.environ | {"CHECKPOINT_DISABLE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@of_the_pinned_one
def test_the_plugin_is_the_one_that_the_template_asks_for(packer: Packer) -> None:
    status, out = packer.run("plugins")
    assert status == 0, out


@pytest.mark.parametrize("name", ["_ENV", "_RUN_ID", "_IMAGE_NAME", "_FAMILY", "_ZONE", "_SOURCE_IMAGE"])
@of_the_pinned_one
def test_a_build_that_was_not_told_what_it_needs_is_not_begun(packer: Packer, name: str) -> None:
    status, out = packer.run("validate", **{name: ""})
    assert status == 1
    assert "is empty: a build needs it" in out


def test_a_container_image_that_is_nowhere_fails_the_build(packer: Packer, registry: Registry) -> None:
    nowhere = f"{registry.host}/nowhere@sha256:{'0' * 64}"
    status, out = packer.run("image", nowhere)
    assert status == 1
    assert f"poolwright: error: {nowhere} cannot be pulled" in out, out
    gone(packer)


def test_a_container_image_that_was_tampered_with_fails_the_build(packer: Packer, registry: Registry) -> None:
    image = registry.push("tampered")
    largest = max(registry.layers(image), key=lambda each: each.stat().st_size)
    largest.write_bytes(bytes(reversed(largest.read_bytes())))
    status, out = packer.run("image", image)
    assert status == 1
    assert f"poolwright: error: {image} cannot be pulled" in out, out
    gone(packer)


@pytest.mark.parametrize(
    ("number", "tell"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)],
    ids=["as by a terminal, all processes", "as by docker stop, the first process"],
)
def test_a_build_that_is_stopped_half_way_leaves_nothing(
    packer: Packer, registry: Registry, number: signal.Signals, tell: Callable[[int, int], None]
) -> None:
    image = registry.push("held")
    registry.wire.hold(after=500_000)
    process = packer.start("image", image)
    assert registry.wire.held.wait(60)
    tell(process.pid, number)
    out = process.communicate(timeout=60)[0]
    registry.wire.release()
    assert process.returncode != 0, out
    gone(packer)


@pytest.mark.parametrize("packer", ["debian"], indirect=True)
def test_a_build_that_takes_too_long_leaves_nothing(packer: Packer, registry: Registry) -> None:
    """With the older packer, whose machine has no time of its own: here a minute of it is a second of packer's."""
    image = registry.push("slow")
    registry.wire.hold(after=500_000)
    status, out = packer.run("image", image, _PACKER_SECONDS="30")
    held = registry.wire.held.is_set()
    registry.wire.release()
    assert held
    assert status != 0, out
    gone(packer)


@of_the_pinned_one
def test_a_machine_whose_packer_was_killed_is_deleted_when_its_time_is_over(packer: Packer, registry: Registry) -> None:
    image = registry.push("orphan")
    registry.wire.hold(after=500_000)
    process = packer.start("image", image, _PACKER_SECONDS="1800")
    assert registry.wire.held.wait(60)
    kill(process)
    assert packer.leftovers() == [f"{IMAGE}-build", f"{IMAGE}-build"]  # the machine and its disk
    eventually(lambda: packer.get(f"zones/{ZONE}/instances/{IMAGE}-build")[0] == 404, "the machine is gone")
    registry.wire.release()
    assert packer.get(f"global/images/{IMAGE}")[0] == 404
    zone = f"projects/{PROJECT}/zones/{ZONE}"
    assert packer.cloud.http(COMPUTE, "DELETE", f"/compute/v1/{zone}/disks/{IMAGE}-build")[0] == 200


def test_an_image_is_made_and_labelled_and_the_machine_is_gone(packer: Packer, registry: Registry) -> None:
    images = registry.push("model"), registry.push("server")
    status, out = packer.run("image", *images)
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
    status, out = packer.run("image")
    assert (status, packer.leftovers()) == (1, []), "where there is an image no machine is made"
    assert f"{IMAGE} already exists" in out
