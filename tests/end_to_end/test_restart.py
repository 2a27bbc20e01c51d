"""`serve` as a process: what it prints, what it leaves behind, and what is still there after it was started again."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import compute_v1
from kubernetes import client, config

from tests.end_to_end.serving import EMBEDDED, PROJECT, ROOT, SMALL, Served, eventually, serve

COMPUTE = "compute.googleapis.com"
GKE = "container.googleapis.com"
PUBSUB = "pubsub.googleapis.com"
IMAGES = f"/compute/v1/projects/{PROJECT}/global/images"
SYSTEM = f"/v1/projects/{PROJECT}/locations/us-central1/clusters/serving/nodePools/system"
REQUEST = "6f1e7c52-2a52-4a9e-9a5e-0c4d4c4f3a10"
IMAGE = {"name": "mine", "rawDisk": {"source": "https://storage.googleapis.com/images/a.tar.gz"}}
FOLLOWING = 60  # ports that the APIs may take after the one that is named
CONTEXT = f"gke_{PROJECT}_us-central1_serving"


def post(served: Served, host: str, path: str, body: Any) -> Any:
    status, answer = served.http(host, "POST", path, body)
    assert status == 200, answer
    return answer


def core(served: Served) -> client.CoreV1Api:
    file = served.manifest["env"]["KUBECONFIG"]
    return client.CoreV1Api(config.new_client_from_config(file, context=CONTEXT))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A `serve` that ends by itself."""
    command = [sys.executable, "-m", "localcloud", "serve", *EMBEDDED, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(params=[signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def ending(request: pytest.FixtureRequest) -> signal.Signals:
    found: signal.Signals = request.param
    return found


@pytest.mark.slow
def test_a_kept_world_goes_on_however_its_process_ended(ending: signal.Signals, tmp_path: Path) -> None:
    arguments = ("--state", str(SMALL), "--speed", "60", "--data", str(tmp_path / "data"))
    first = Served(*arguments)
    try:
        nodes = {each.metadata.name for each in core(first).list_node().items}
        operation = post(first, COMPUTE, f"{IMAGES}?requestId={REQUEST}", IMAGE)
        resize = post(first, GKE, f"{SYSTEM}:setSize", {"nodeCount": 2})
        core(first).create_namespaced_config_map("default", {"metadata": {"name": "noted"}, "data": {"a": "b"}})
        assert first.http(PUBSUB, "PUT", f"/v1/projects/{PROJECT}/topics/news", {})[0] == 200
    finally:
        first.stop(ending)
    with serve(*arguments) as second:
        again = post(second, COMPUTE, f"{IMAGES}?requestId={REQUEST}", IMAGE)
        assert (again["name"], again["id"]) == (operation["name"], operation["id"])
        status, refusal = second.http(COMPUTE, "POST", f"{IMAGES}?requestId={REQUEST}", IMAGE | {"name": "other"})
        assert status == 400
        assert "requestId" in refusal["error"]["message"]
        assert core(second).read_namespaced_config_map("noted", "default").data == {"a": "b"}
        assert second.http(PUBSUB, "GET", f"/v1/projects/{PROJECT}/topics/news")[0] == 200

        # What was under way comes to its end, and nobody's node is lost over it.
        operations = second.compute(compute_v1.GlobalOperationsClient)
        assert operations.wait(project=PROJECT, operation=operation["name"]).status.name == "DONE"
        path = f"/v1/projects/{PROJECT}/locations/us-central1/operations/{resize['name']}"
        eventually(lambda: second.http(GKE, "GET", path)[1]["status"] == "DONE", "the pool's operation ends")
        found = {each.metadata.name for each in core(second).list_node().items}
        assert nodes < found
        assert len(found) == len(nodes) + 1


@pytest.mark.slow
def test_ids_are_not_made_twice_after_a_restart(tmp_path: Path) -> None:
    ids: list[str] = []
    for name in ("one", "two", "three"):
        with serve("--data", str(tmp_path / "data"), "--project", PROJECT, "--seed", "3") as served:
            ids.append(post(served, COMPUTE, IMAGES, IMAGE | {"name": name})["id"])
            assert served.manifest["project"] == PROJECT
    assert len(set(ids)) == 3


@pytest.mark.slow
def test_without_a_folder_every_start_begins_the_world_anew() -> None:
    for _ in range(2):
        with serve("--state", str(SMALL)) as served:
            post(served, COMPUTE, f"{IMAGES}?requestId={REQUEST}", IMAGE)
            assert [each["name"] for each in served.http(COMPUTE, "GET", IMAGES)[1]["items"]] == ["mine"]


@pytest.mark.slow
def test_a_folder_has_one_owner_and_one_project(tmp_path: Path) -> None:
    with serve("--data", str(tmp_path)):
        done = run("--data", str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert "is in use by another localcloud" in done.stderr
    done = run("--data", str(tmp_path), "--project", "another-project")
    assert done.returncode == 2
    assert "holds a world of the project local-project" in done.stderr
    (tmp_path / "world.json").write_text("{}")
    done = run("--data", str(tmp_path))
    assert done.returncode == 2
    assert "remove it to begin anew" in done.stderr


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, Served]]:
    """Two instances at once, their temporary files under `tmp_path`."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with serve("--state", str(SMALL)) as first, serve("--state", str(SMALL), "--project", "mine-123") as second:
        yield first, second


def test_two_instances_do_not_meet_and_leave_nothing_behind(two: tuple[Served, Served], tmp_path: Path) -> None:
    first, second = two
    assert not set(first.endpoints.values()) & set(second.endpoints.values())
    assert (first.manifest["project"], second.manifest["project"]) == (PROJECT, "mine-123")
    post(first, COMPUTE, IMAGES, IMAGE)
    assert second.http(COMPUTE, "GET", IMAGES.replace(PROJECT, "mine-123"))[1].get("items", []) == []
    assert list(tmp_path.iterdir()) != []
    for served, number in ((first, signal.SIGTERM), (second, signal.SIGINT)):
        assert served.stop(number) == 0
        assert len(served.lines) == 1
        assert set(json.loads(served.lines[0])) == {"project", "endpoints", "env", "proxy", "parts"}
        assert served.errors == ""
    assert list(tmp_path.iterdir()) == []


def free_ports(count: int) -> int:
    """The first of so many that nobody has, below those that the system hands out to others meanwhile."""
    for first in range(20_000, 32_000, count):
        with contextlib.ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    made = taken.enter_context(socket.socket())
                    made.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


@pytest.mark.slow
def test_a_port_is_one_for_everything_and_the_same_again(tmp_path: Path) -> None:
    port = free_ports(FOLLOWING)
    arguments = ("--port", str(port), "--state", str(SMALL))
    with serve(*arguments) as first:
        endpoints = first.endpoints
        first.endpoints["any"] = f"http://127.0.0.1:{port}"
        assert first.http("any", "GET", f"/compute/v1/projects/{PROJECT}/zones/us-central1-a")[1]["status"] == "UP"
        clusters = first.http("any", "GET", f"/v1/projects/{PROJECT}/locations/-/clusters")[1]["clusters"]
        assert [each["name"] for each in clusters] == ["serving", "training"]
        done = run(*arguments)
        assert done.returncode == 1
        assert "address already in use" in done.stderr
    with serve(*arguments) as second:
        assert second.endpoints.items() <= endpoints.items()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--state", "/nowhere/world.yaml"), "/nowhere/world.yaml"),
        (("--state", "{folder}/bad.yaml"), "colour"),
        (("--port", "70000"), "70000 is no port"),
        (("--speed", "0"), "0 is not above 0"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(arguments: tuple[str, str], words: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("project: acme-gpu\ncolour: red\n")
    done = run(*(each.format(folder=tmp_path) for each in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
