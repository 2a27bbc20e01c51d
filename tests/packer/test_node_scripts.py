"""The scripts that packer runs on its machine, on a real containerd with a real registry beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packer.machine import PACKER, ROOT, Machine, Registry, kill, machine

pytestmark = pytest.mark.packer

QUICK = {"POOLWRIGHT_TRIES": "2", "POOLWRIGHT_WAIT_SECONDS": "0"}
WHAT = {"POOLWRIGHT_ENVIRONMENT": "dev", "POOLWRIGHT_RUN_ID": "7", "POOLWRIGHT_SOURCE_IMAGE": "gke-cos"}
SCRIPTS = [*sorted((PACKER / "node").glob("**/*.sh")), ROOT / "tests" / "packer" / "root.sh"]
START = "/home/kubernetes/poolwright/start.d/containers.sh"


def told(*images: str) -> dict[str, str]:
    """Variables as packer gives them."""
    return QUICK | WHAT | {"POOLWRIGHT_CONTAINERS": ",".join(images)}


def pinned(*images: str) -> set[tuple[str, str]]:
    """As `Machine.images` has them."""
    return {(each, each.partition("@")[2]) for each in images}


@pytest.fixture(scope="module")
def two(registry: Registry) -> tuple[str, str]:
    """Container images of two layers each."""
    return registry.push("first"), registry.push("second")


@pytest.mark.parametrize("tool", [["shellcheck", "-x"], ["shfmt", "-i", "2", "-d"]], ids=["shellcheck", "shfmt"])
def test_the_scripts_are_clean(tool: list[str]) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed: the scripts go unchecked")
    done = subprocess.run([*tool, *SCRIPTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("place", ["/tmp", "/home", "/var"])
def test_nothing_there_may_be_executed_directly_as_on_cos(node: Machine, place: str) -> None:
    done = node.run(f"cp /usr/bin/true {place}/program && {place}/program")
    assert "Permission denied" in done.stderr
    assert "Read-only file system" in node.run("touch /program").stderr


def test_a_second_run_pulls_nothing(node: Machine, registry: Registry, two: tuple[str, str]) -> None:
    assert node.script("preload", **told(*two)).returncode == 0
    assert node.images() == pinned(*two)
    asked = registry.fetched()
    done = node.script("preload", **told(*two))
    assert done.returncode == 0
    assert done.stdout.count("is here already") == 2
    assert registry.fetched() == asked


@pytest.mark.parametrize(("kind", "executed"), [("cos", 126), ("ubuntu", 0)])
def test_all_scripts_do_their_work_on_both_node_images_and_a_second_time_too(
    folder: Path, registry: Registry, two: tuple[str, str], kind: str, executed: int
) -> None:
    with machine(folder, kind) as node:
        assert node.run("cp /usr/bin/true /tmp/true && /tmp/true").returncode == executed
        for script in ("preload", "bake", "verify") * 2:
            done = node.script(script, **told(*two))
            assert done.returncode == 0, done.stderr
        asked = registry.fetched()
        assert node.script("preload", **told(*two)).returncode == 0
        assert registry.fetched() == asked
        assert node.script("cleanup").returncode == 0
        assert node.images() == pinned(*two)
        assert node.run(f"test -s {START} && test ! -s /etc/machine-id").returncode == 0


def test_what_was_there_stays(node: Machine, two: tuple[str, str]) -> None:
    assert node.run(f"ctr -n k8s.io images pull {two[0]}").returncode == 0
    assert node.script("preload", **told(two[1])).returncode == 0
    assert node.images() == pinned(*two)


@pytest.mark.parametrize("crash", [False, True], ids=["script", "script and containerd"])
def test_a_run_that_was_cut_off_ends_the_same_when_it_is_repeated(
    node: Machine, registry: Registry, crash: bool
) -> None:
    small, large = registry.push(f"small-{crash}".lower()), registry.push(f"large-{crash}".lower(), size=3_000_000)
    registry.wire.hold(after=5_000_000)
    running = node.start("bash /tmp/poolwright/preload.sh", **told(small, large))
    assert registry.wire.held.wait(60)
    kill(running)
    if crash:
        node.crash()
    registry.wire.release()
    assert node.images() == pinned(small)
    asked = len(registry.fetched())
    done = node.script("preload", **told(small, large))
    assert done.returncode == 0, done.stderr
    assert node.images() == pinned(small, large)
    assert [each for each in registry.fetched()[asked:] if "/small-" in each] == []
    assert node.script("bake", **told(small, large)).returncode == 0
    assert node.script("verify", **told(small, large)).returncode == 0


def test_an_image_that_is_nowhere_fails_with_its_name(node: Machine, registry: Registry, two: tuple[str, str]) -> None:
    nowhere = f"{registry.host}/first@sha256:{'0' * 64}"
    done = node.script("preload", **told(two[0], nowhere))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"poolwright: error: {nowhere} cannot be pulled: ")
    assert "not found" in last
    assert done.stdout.count("of 2 failed: ") == 1


def test_a_registry_that_does_not_answer_is_tried_again(node: Machine) -> None:
    image = f"127.0.0.1:1/app@sha256:{'0' * 64}"
    done = node.script("preload", **told(image))
    assert done.returncode == 1
    assert done.stdout.count("of 2 failed: ") == 2
    assert f"poolwright: error: {image} cannot be pulled: " in done.stderr


@pytest.mark.parametrize("what", ["manifest", "layer"])
def test_an_image_that_was_tampered_with_is_not_taken(node: Machine, registry: Registry, what: str) -> None:
    image = registry.push(f"tampered-{what}")
    if what == "manifest":
        file = registry.blob(image.partition("@")[2])
        file.write_bytes(file.read_bytes().replace(b'"schemaVersion":2', b'"schemaVersion": 2'))
    else:
        largest = max(registry.layers(image), key=lambda each: each.stat().st_size)
        largest.write_bytes(bytes(reversed(largest.read_bytes())))
    done = node.script("preload", **told(image))
    assert done.returncode == 1
    assert f"poolwright: error: {image} cannot be pulled: " in done.stderr
    assert node.images() == set()


def test_verify_fails_for_what_is_not_as_it_is_pinned(node: Machine, two: tuple[str, str]) -> None:
    assert node.script("preload", **told(two[0])).returncode == 0
    assert node.script("bake", **told(*two)).returncode == 0
    done = node.script("verify", **told(*two))
    assert done.returncode == 1
    assert f"poolwright: {two[1]} is missing" in done.stderr
    assert done.stderr.splitlines()[-1] == "poolwright: error: 1 of 2 container images are not as they are pinned"
    assert node.run(f"ctr -n k8s.io images tag {two[0]} {two[1]}").returncode == 0
    done = node.script("verify", **told(*two))
    assert f"poolwright: {two[1]} is another image, {two[0].partition('@')[2]}" in done.stderr
    assert node.script("preload", **told(*two)).returncode == 0
    assert node.images() == pinned(*two)
    assert node.script("verify", **told(*two)).returncode == 0


def test_verify_fails_for_an_image_that_is_not_unpacked(node: Machine, two: tuple[str, str]) -> None:
    node.run(f"ctr -n k8s.io content fetch {two[0]}")
    node.script("bake", **told(two[0]))
    done = node.script("verify", **told(two[0]))
    assert done.returncode == 1
    assert f"{two[0]} is not whole, or not unpacked" in done.stderr


def test_verify_fails_for_a_disk_that_is_too_full(node: Machine) -> None:
    node.script("bake", **told())
    assert node.script("verify", **told()).returncode == 0
    done = node.script("verify", **told(), POOLWRIGHT_DISK_PERCENT="0")
    assert done.returncode == 1
    assert "% full, more than 0 %; give build.diskSizeGb a higher number" in done.stderr


@pytest.mark.parametrize("wrong", ["nginx:latest", "nginx@sha256:abc", "host/name"])
def test_an_image_that_is_not_pinned_is_refused(node: Machine, wrong: str) -> None:
    done = node.script("preload", **told(wrong))
    assert done.returncode == 1
    assert f"poolwright: error: {wrong} is no pinned container image" in done.stderr


def test_names_are_those_that_the_kubelet_looks_for(node: Machine) -> None:
    digest = f"@sha256:{'a' * 64}"
    given = [f"{each}{digest}" for each in ("nginx", "team/app:1.2", "host:5000/app:1.2", "a.b/c/d", "nginx:1")]
    done = node.run("source /tmp/poolwright/common.sh; wanted", **told(*given))
    names = ["docker.io/library/nginx", "docker.io/team/app", "host:5000/app", "a.b/c/d"]
    assert done.stdout.split() == [f"{each}{digest}" for each in names]


def test_baking_replaces_what_is_ours_and_nothing_else(node: Machine) -> None:
    assert node.script("bake", **told()).returncode == 0
    baked = node.path(START)
    once = baked.read_text()
    assert once.startswith("# >>> poolwright >>>\n")
    assert once.endswith("# <<< poolwright <<<\n")
    baked.write_text(f"{once}echo theirs\n".replace("pre-loaded", "stale"))
    assert node.script("bake", **told()).returncode == 0
    assert baked.read_text() == f"{once}echo theirs\n"
    baked.write_text(once.replace("# <<< poolwright <<<\n", ""))
    done = node.script("bake", **told())
    assert done.returncode == 1
    assert "one marker of" in done.stderr


def test_what_is_baked_says_at_the_start_what_is_missing(node: Machine, two: tuple[str, str]) -> None:
    node.script("preload", **told(two[0]))
    node.script("bake", **told(*two))
    done = node.run(f"bash {START}; wait")
    assert done.stdout.splitlines() == [
        f"poolwright: pre-loaded {two[1]} is not here",
        "poolwright: environment=dev run-id=7 source-image=gke-cos: 1 of 2 pre-loaded containers are here",
    ]


def test_nothing_of_the_machines_identity_is_left(node: Machine) -> None:
    (node.path("/home/poolwright/.ssh/authorized_keys")).write_text("ssh-ed25519 AAAA somebody\n")
    done = node.script("cleanup")
    assert done.returncode == 0, done.stderr
    assert list(node.path("/etc/ssh").glob("ssh_host_*")) == []
    assert node.path("/etc/machine-id").read_text() == ""
    assert node.path("/var/log/syslog").read_text() == ""
    assert not node.path("/home/poolwright/.ssh/authorized_keys").exists()
    assert not node.path("/tmp/poolwright").exists()


@pytest.mark.parametrize("place", ["/home/poolwright/key.json", "/root/key.json", "/var/tmp/deep/key.json"])
def test_a_service_account_key_fails_the_build(node: Machine, place: str) -> None:
    node.run(f"mount -t tmpfs tmpfs /root; mkdir -p {place.rpartition('/')[0]}")
    node.path(place).write_text('{"type": "service_account", "private_key": "made up"}')
    done = node.script("cleanup")
    assert done.returncode == 1
    assert f"a service-account key would be in the image: {place}" in done.stderr
