"""gcloud, unmodified, on alert policies and channels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.monitoring.conftest import HOST, PROJECT, Stage

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud's monitoring is not proved: no gcloud here"),
]
POLICY = {
    "displayName": "high",
    "combiner": "OR",
    "conditions": [
        {
            "displayName": "high",
            "conditionThreshold": {
                "filter": 'metric.type="kubernetes.io/node/accelerator/duty_cycle" resource.type="k8s_node"',
                "comparison": "COMPARISON_GT",
                "thresholdValue": 85,
                "duration": "120s",
            },
        }
    ],
}


def gcloud(stage: Stage, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    token = folder / "token"
    token.write_text("any")
    settings = {
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": "demo-project",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING": f"{stage.served.endpoints[HOST]}/",
    }
    command = ["gcloud", "alpha", "monitoring", *words, "--format=json"]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False
    )


def test_gcloud_keeps_policies(stage: Stage, tmp_path: Path) -> None:
    config = tmp_path / "policy.json"
    config.write_text(json.dumps(POLICY))
    gcloud(stage, tmp_path, "policies", "create", f"--policy-from-file={config}")
    (made,) = stage.policies.list_alert_policies(name=PROJECT)
    changed = gcloud(stage, tmp_path, "policies", "update", made.name, "--display-name=higher", "--no-enabled")
    assert changed.returncode == 0, changed.stderr
    (held,) = json.loads(gcloud(stage, tmp_path, "policies", "list").stdout)
    assert (held["displayName"], held["enabled"]) == ("higher", False)
    gcloud(stage, tmp_path, "policies", "delete", made.name)
    missing = gcloud(stage, tmp_path, "policies", "describe", made.name)
    assert missing.returncode == 1 and "NOT_FOUND" in missing.stderr
