"""What a fresh process imports until it has answered: nothing heavy for a message of no concern."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poolwright.adapters.sqlite_store import SqliteStore
from tests.payloads.samples import push

ROOT = Path(__file__).parents[3]

# In a process of its own: what functions-framework itself imports does not count.
PROGRAM = """
import json, os, sys
import functions_framework
before = set(sys.modules)
target, body = sys.argv[1], json.loads(sys.stdin.read())
client = functions_framework.create_app(target, os.path.join(sys.argv[2], "main.py")).test_client()
answer = client.post("/", json=body)
print(json.dumps({"status": answer.status_code, "modules": sorted(set(sys.modules) - before)}))
"""


def imported_for(target: str, body: dict[str, Any], **variables: str) -> set[str]:
    """The modules that a new process needs until it has acknowledged."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, target, str(ROOT / "functions")],
        input=json.dumps(body),
        env={"PYTHONPATH": str(ROOT / "shared"), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["status"] == 204
    return set(answer["modules"])


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("image_built", "cloud-build-unrelated-working"),
        ("node_pool_changed", "gke-create-node-pool-started"),
        ("node_pool_changed", "gke-notification-upgrade-available"),
        ("gpu_alert", "monitoring-unrelated"),
    ],
)
def test_answering_a_message_of_no_concern_imports_no_library(target: str, name: str) -> None:
    modules = imported_for(target, push(name))
    libraries = {module.partition(".")[0] for module in modules}
    assert {"poolwright", target} <= libraries
    assert not libraries & {"msgspec", "pydantic", "yaml", "google", "grpc", "kubernetes", "requests", "aiohttp"}
    ours = {module for module in modules if module.startswith("poolwright.")}
    assert not {module for module in ours if module.split(".")[1] in ("services", "adapters", "bootstrap", "settings")}


@pytest.mark.parametrize("is_stopped", [False, True], ids=["nothing to do", "stopped"])
def test_a_step_that_finds_nothing_to_be_done_imports_no_more_than_the_store(tmp_path: Path, is_stopped: bool) -> None:
    store = SqliteStore(tmp_path / "store.db")
    if is_stopped:
        store.put("control", "stop", {"stopped": True, "who": "ada", "why": "", "at": 1.0}, version=None)

    modules = imported_for(
        "step",
        push({"data": {"kind": "rollout", "rollout": "gone", "cause": "a late message"}, "attributes": {}}),
        POOLWRIGHT_PROJECT="p",
        POOLWRIGHT_STORE=f"sqlite:{tmp_path / 'store.db'}",
    )

    libraries = {module.partition(".")[0] for module in modules}
    assert "sqlite3" in libraries
    assert not libraries & {"yaml", "google", "grpc", "kubernetes", "requests", "aiohttp"}


@pytest.mark.parametrize("exporter", ["", "console"])
def test_opentelemetry_is_imported_for_a_step_where_an_exporter_is_named_and_else_not(
    tmp_path: Path, exporter: str
) -> None:
    modules = imported_for(
        "step",
        push({"data": {"kind": "rollout", "rollout": "gone", "cause": "late"}, "attributes": {"traceparent": "00-x"}}),
        POOLWRIGHT_PROJECT="p",
        POOLWRIGHT_STORE=f"sqlite:{tmp_path / 'store.db'}",
        OTEL_TRACES_EXPORTER=exporter,
    )
    assert ("opentelemetry" in {module.partition(".")[0] for module in modules}) == bool(exporter)


def test_a_message_of_no_concern_imports_no_opentelemetry_whatever_is_named() -> None:
    modules = imported_for(
        "image_built", push("cloud-build-unrelated-working"), OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"
    )
    assert "opentelemetry" not in {module.partition(".")[0] for module in modules}


def test_an_old_tick_imports_nothing_heavy() -> None:
    old = push({"data": {}, "attributes": {}})
    old["message"]["publishTime"] = "2020-01-01T00:00:00Z"
    libraries = {module.partition(".")[0] for module in imported_for("tick", old, POOLWRIGHT_PROJECT="p")}
    assert not libraries & {"yaml", "google", "grpc", "kubernetes", "requests", "aiohttp", "sqlite3"}
