"""What the page needs of the world: its role in a cluster is what it does there, and a process imports no more than the
page that is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.status_page.fleets import ROOT, environment, looked, world

MANIFESTS = ROOT / "manifests"

PROGRAM = """
import json, os, sys
import functions_framework
before = set(sys.modules)
client = functions_framework.create_app("status_page", os.path.join(sys.argv[2], "main.py")).test_client()
answer = client.open(sys.argv[1], method=sys.argv[3])
print(json.dumps({"status": answer.status_code, "modules": sorted(set(sys.modules) - before)}))
"""
HEAVY = {"google", "grpc", "kubernetes", "requests", "aiohttp", "yaml"}


def rules(*names: str) -> list[Any]:
    """Of the roles of these names, wherever they are written."""
    files = sorted({*MANIFESTS.rglob("*.yaml")} - {*MANIFESTS.rglob("templates/*")})
    found = [each for file in files for each in yaml.safe_load_all(file.read_text("utf-8")) if each]
    roles = {each["metadata"]["name"]: each["rules"] for each in found if each.get("kind", "").endswith("Role")}
    return [rule for name in names for rule in roles[name]]


def test_its_role_in_a_cluster_is_what_it_does_there(tmp_path: Path) -> None:
    with looked(tmp_path, world(), environment()) as fleet:
        for path in ("/fleet", "/drift", "/rollouts", "/provisioners", "/audit"):
            fleet.text(path)
        calls = fleet.flow.stack.world.calls
        done = {each.method.partition(".")[0] for each in calls if each.host.startswith("kubernetes")}
        written = [each.method for each in calls.mutating()]
    given = rules("poolwright-status-page", "poolwright-state")
    assert {resource for rule in given for resource in rule["resources"]} == done
    assert {verb for rule in given for verb in rule["verbs"]} == {"list"}
    assert not written


def imported(path: str, tmp_path: Path, *, method: str = "GET", status: int = 200) -> set[str]:
    """The libraries that a new process needs until it has answered."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path, str(ROOT / "functions"), method],
        env={
            "PYTHONPATH": str(ROOT / "shared"),
            "POOLWRIGHT_PROJECT": "p",
            "POOLWRIGHT_STORE": f"sqlite:{tmp_path / 'store.db'}",
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["status"] == status
    return {module.partition(".")[0] for module in answer["modules"]}


def test_a_file_and_a_refusal_import_no_library(tmp_path: Path) -> None:
    assert not imported("/style.css", tmp_path) & {*HEAVY, "sqlite3"}
    assert not imported("/fleet", tmp_path, method="POST", status=405) & {*HEAVY, "sqlite3"}


def test_a_page_of_rollouts_imports_no_more_than_the_store(tmp_path: Path) -> None:
    libraries = imported("/rollouts", tmp_path)
    assert "sqlite3" in libraries
    assert not libraries & HEAVY
