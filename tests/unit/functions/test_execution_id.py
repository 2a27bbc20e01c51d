"""With LOG_EXECUTION_ID, as Cloud Run functions are deployed, the framework rewrites what goes to standard output."""

import json
import subprocess
import sys
from pathlib import Path

from tests.payloads.samples import push

ROOT = Path(__file__).parents[3]

# In a process of its own: the framework's set-up switches off every logger that exists before it.
PROGRAM = """
import json, os, sys
import functions_framework
client = functions_framework.create_app("image_built", sys.argv[1]).test_client()
client.post("/", json=json.loads(sys.stdin.read()), headers={"Function-Execution-Id": "abc123"})
"""


def test_the_frameworks_execution_id_joins_our_labels() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "functions" / "main.py")],
        input=json.dumps(push("cloud-build-unrelated-working")),
        env={"PYTHONPATH": str(ROOT / "shared"), "LOG_EXECUTION_ID": "true", "POOLWRIGHT_LOG_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [json.loads(text) for text in done.stdout.splitlines()]
    assert line["severity"] == "DEBUG"
    labels = line["logging.googleapis.com/labels"]
    assert labels["execution_id"] == "abc123"
    assert labels["function"] == "image_built"
