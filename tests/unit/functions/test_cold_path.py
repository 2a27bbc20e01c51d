"""What a fresh process imports until it has answered: nothing heavy for a message of no concern."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, target, str(ROOT / "functions")],
        input=json.dumps(push(name)),
        env={"PYTHONPATH": str(ROOT / "shared")},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["status"] == 204
    imported = {module.partition(".")[0] for module in answer["modules"]}
    assert {"poolwright", target} <= imported
    assert not imported & {"msgspec", "pydantic", "yaml", "google", "grpc", "kubernetes", "requests", "aiohttp"}
    ours = {module for module in answer["modules"] if module.startswith("poolwright.")}
    assert not {module for module in ours if module.split(".")[1] in ("services", "adapters", "bootstrap", "settings")}
