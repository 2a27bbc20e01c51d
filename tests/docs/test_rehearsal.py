"""The `terraform` of a rehearsal takes what the real one takes, and makes the policies that the modules make."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import hcl2
import pytest

from localcloud.rehearsal import modules, terraform
from tests.docs.newcomer import ROOT

MINIMAL = ROOT / "terraform" / "examples" / "minimal"
PROVISIONER = {
    "provisioner": "l4",
    "cluster": "serving",
    "location": "us-central1",
    "min_percent": 30,
    "max_percent": 80,
}


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """A copy of examples/minimal that nobody gave values."""
    shutil.copy(MINIMAL / "variables.tf", tmp_path)
    return tmp_path


def test_inputs_are_those_of_the_example_with_its_defaults(minimal: Path) -> None:
    (minimal / "terraform.tfvars").write_text(
        'project_id = "my-project"\nregion = "r"\nnode_service_account = "n"\nkube_context = "k"\n'
        'cluster = { name = "serving", location = "us-central1" }\n'
        'provisioners = {\n  l4 = {\n    mode = "offer"\n    existingInstanceGroupNames = ["g"]\n'
        "    maxNodes = 4\n  }\n}\n"
    )
    values = terraform.inputs(minimal)
    assert values["cluster"] == {"name": "serving", "location": "us-central1"}
    assert values["provisioners"] == {"l4": {"mode": "offer", "existingInstanceGroupNames": ["g"], "maxNodes": 4}}
    assert values["archive"].endswith("dist/poolwright-functions.zip")


@pytest.mark.parametrize(
    ("given", "problem"), [("", "no value for project_id"), ('projekt = "p"\n', "gives projekt, which")]
)
def test_inputs_that_the_example_would_not_take_are_refused(minimal: Path, given: str, problem: str) -> None:
    (minimal / "terraform.tfvars").write_text(given)
    with pytest.raises(modules.Wrong, match=problem):
        terraform.inputs(minimal)


def test_alert_policies_are_those_of_the_module() -> None:
    text = (ROOT / "terraform" / "modules" / "gpu-alerts" / "main.tf").read_text("utf-8")
    (policy,) = (
        block["google_monitoring_alert_policy"]['"utilization"']
        for block in _quoted(hcl2.loads(text)["resource"])
        if "google_monitoring_alert_policy" in block
    )
    threshold = policy["conditions"][0]["condition_threshold"][0]
    high, low = modules.alert_policies(PROVISIONER, "projects/p/notificationChannels/1")
    made = high["conditions"][0]["condition_threshold"]

    assert set(policy["user_labels"]) == set(high["user_labels"])
    assert f'"{high["alert_strategy"]["auto_close"]["seconds"]}s"' == policy["alert_strategy"][0]["auto_close"]
    mean = threshold["aggregations"][0]
    for name in ("per_series_aligner", "cross_series_reducer"):
        assert mean[name] == f'"{made["aggregations"][0][name]}"'
    assert mean["alignment_period"] == f'"{made["aggregations"][0]["alignment_period"]["seconds"]}s"'
    assert [made["comparison"], low["conditions"][0]["condition_threshold"]["comparison"]] == re.findall(
        r'comparison = "(\w+)"', text
    )
    assert set(re.findall(r"[\w.]+ = ", made["filter"])) == set(
        re.findall(r"(?<=[\" ])(?:metric|resource)[\w.]+ = ", text)
    )


def test_an_output_that_the_page_asks_for_is_one_of_the_example() -> None:
    asked = set(re.findall(r"tf output -raw (\w+)", (ROOT / "docs" / "deploy.md").read_text("utf-8")))
    outputs = set(re.findall(r'output "(\w+)"', (MINIMAL / "outputs.tf").read_text("utf-8")))
    assert asked and asked <= outputs


def _quoted(value: Any) -> Any:
    """Names of resources in quotes, and types without, whatever hcl2's version leaves of them."""
    return [
        {
            kind.strip('"'): {f'"{name.strip(chr(34))}"': body for name, body in names.items()}
            for kind, names in block.items()
            if isinstance(names, dict)
        }
        for block in value
    ]
