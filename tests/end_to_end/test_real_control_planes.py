"""`serve --kubernetes real`: a control plane for each cluster of the world, as long as the world lasts."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from localcloud import stack
from localcloud.control_plane import BINARY
from tests.end_to_end.serving import SMALL, Served, serve

SERVING = "projects/acme-gpu/locations/us-central1/clusters/serving"
TRAINING = "projects/acme-gpu/locations/us-east4/clusters/training"
CONTEXTS = {SERVING: "gke_acme-gpu_us-central1_serving", TRAINING: "gke_acme-gpu_us-east4_training"}
GKE = "container.googleapis.com"

needs_the_binary = pytest.mark.skipif(
    not BINARY.exists(), reason="there is no real control plane here: make kubernetes builds it"
)


def kubectl(served: Served, cluster: str, *arguments: str) -> str:
    command = ["kubectl", "--kubeconfig", clusters(served)[cluster]["kubeconfig"], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def clusters(served: Served) -> dict[str, Any]:
    found: dict[str, Any] = served.http("localcloud", "GET", "/clusters")[1]
    return found


def children(served: Served) -> list[int]:
    """Process ids of the parts of its control planes."""
    listed = subprocess.run(
        ["pgrep", "-P", str(served.process.pid)], capture_output=True, text=True, check=False
    ).stdout
    return [int(each) for each in listed.split()]


def is_alive(process: int) -> bool:
    """A zombie that nobody waits for is dead."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what: str, holds: Any, *, patience: float = 90.0) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.3)


@pytest.mark.kubernetes
@needs_the_binary
def test_each_cluster_has_its_own_and_a_kept_one_goes_on_after_a_kill_that_leaves_none_behind(tmp_path: Path) -> None:
    arguments = ("--state", str(SMALL), "--speed", "60", "--kubernetes", "real", "--data", str(tmp_path / "data"))
    first = Served(*arguments)
    try:
        assert set(clusters(first)) == {SERVING, TRAINING}
        kubectl(first, SERVING, "create", "configmap", "noted", "--from-literal=a=b")
        assert "noted" not in kubectl(first, TRAINING, "get", "configmaps", "-o", "name")
        env = first.environment
        for cluster, context in CONTEXTS.items():
            shown = ["kubectl", "--context", context, "get", "nodeprovisioners", "-o", "name"]
            assert subprocess.run(shown, env=env, capture_output=True, text=True, check=True).stdout, cluster
        until("nodes", lambda: kubectl(first, SERVING, "get", "nodes", "-o", "name"))
        parts = children(first)
        assert len(parts) == 8
    finally:
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
    until("its control planes end with it", lambda: not any(is_alive(each) for each in parts), patience=20)
    with serve(*arguments) as second:
        assert kubectl(second, SERVING, "get", "configmap", "noted", "-o", "jsonpath={.data.a}") == "b"
        wait = ("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=90s")
        assert kubectl(second, SERVING, *wait).count("condition met") >= 4


@pytest.mark.kubernetes
@needs_the_binary
def test_a_cluster_that_is_made_gets_one_and_one_that_is_deleted_ends(tmp_path: Path) -> None:
    place = "projects/made-here/locations/us-central1"
    with serve("--project", "made-here", "--speed", "300", "--kubernetes", "real") as served:
        body = {"cluster": {"name": "new", "nodePools": [{"name": "p", "initialNodeCount": 1}]}}
        assert served.http(GKE, "POST", f"/v1/{place}/clusters", body)[0] == 200
        path = f"{place}/clusters/new"
        until("it runs", lambda: served.http(GKE, "GET", f"/v1/{path}")[1]["status"] == "RUNNING")
        assert kubectl(served, path, "get", "nodes", "-o", "name").startswith("node/gke-new-p-")
        assert len(children(served)) == 4
        assert served.http(GKE, "DELETE", f"/v1/{path}")[0] == 200
        until("it is gone", lambda: served.http(GKE, "GET", f"/v1/{path}")[0] == 404)
        until("its control plane has ended", lambda: not any(is_alive(each) for each in children(served)))


def test_what_is_not_built_is_missed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "BINARY", tmp_path / "kubernetes")
    with pytest.raises(stack.MissingError, match="`make kubernetes` builds it"):
        stack.Stack(folder=tmp_path, kubernetes="real")


def test_a_real_one_is_not_for_manual_time(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="real time"):
        stack.Stack(folder=tmp_path, kubernetes="real", manual=True)
