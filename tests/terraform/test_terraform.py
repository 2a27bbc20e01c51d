"""The modules by terraform itself, with a provider that has the real schemas and nothing else, and by tflint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import deployment
from tests.terraform import provider_schemas
from tests.terraform.terraform_files import ROOT

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform: validation and mocked runs are not tried"),
]
needs_go = pytest.mark.skipif(not shutil.which("go"), reason="no go: terraform has no provider to validate against")

FOLDERS = sorted(str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/*/versions.tf"))


def terraform(folder: Path, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run terraform in a folder, with a configuration that leaves the machine's own out."""
    return subprocess.run(
        ["terraform", *command], cwd=folder, input=text, capture_output=True, text=True, check=False, env=os.environ
    )


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror of providers as `terraform init` takes one, and the configuration that names it."""
    folder = tmp_path_factory.mktemp("terraform")
    binary = folder / "provider"
    source = Path(__file__).with_name("schema_provider")
    env = os.environ | {"CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-trimpath", "-o", str(binary), "."], cwd=source, env=env, check=True)
    platform = json.loads(terraform(folder, "version", "-json").stdout)["platform"]
    for name, (_, version) in provider_schemas.BINDINGS.items():
        place = folder / "mirror" / "registry.terraform.io" / "hashicorp" / name / version / platform
        place.mkdir(parents=True)
        shutil.copy(binary, place / f"terraform-provider-{name}_v{version}")
        shutil.copy(provider_schemas.FILE, place)
    config = folder / "terraformrc"
    installation = f'provider_installation {{\n filesystem_mirror {{\n path = "{folder}/mirror"\n }}\n}}\n'
    config.write_text(installation + "disable_checkpoint = true\n")
    return config


@pytest.fixture
def copy(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder terraform/ copied, so that no state or lock file is left in the checkout."""
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(mirror))
    yield Path(shutil.copytree(ROOT, tmp_path / "terraform", ignore=shutil.ignore_patterns(".terraform*")))


def initialised(folder: Path) -> Path:
    """The folder, after terraform init."""
    done = terraform(folder, "init", "-no-color", "-backend=false")
    assert done.returncode == 0, done.stderr
    return folder


def test_files_are_formatted() -> None:
    done = terraform(ROOT, "fmt", "-check", "-recursive", "-diff", ".")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_go
@pytest.mark.parametrize("folder", FOLDERS)
def test_terraform_validates(copy: Path, folder: str) -> None:
    done = terraform(initialised(copy / folder), "validate", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_go
def test_terraform_does_not_validate_what_the_provider_does_not_know(copy: Path) -> None:
    folder = initialised(copy / "modules" / "poolwright")
    (folder / "wrong.tf").write_text(
        'resource "google_pubsub_topic" "wrong" {\n nam = "x"\n}\n'
        'output "wrong" {\n value = google_pubsub_topic.this["ticks"].nonsense\n}\n'
    )
    done = terraform(folder, "validate", "-no-color")
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert 'An argument named "nam" is not expected here.' in told
    assert 'no argument, nested block, or exported attribute named "nonsense"' in told


@needs_go
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_modules_own_tests_pass(copy: Path, folder: str) -> None:
    done = terraform(initialised(copy / folder), "test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_go
def test_the_subscriptions_are_those_of_the_stand_ins_deployment(copy: Path) -> None:
    folder = initialised(copy / "modules" / "poolwright")
    variables = {
        "project_id": "acme-poolwright",
        "region": "us-central1",
        "archive": "tests/archive.zip",
        "node_service_accounts": '["nodes@acme-poolwright.iam.gserviceaccount.com"]',
    }
    given = [f"-var={name}={value}" for name, value in variables.items()]
    done = terraform(folder, "console", *given, text="jsonencode(local.subscriptions)\n")
    assert done.returncode == 0, done.stderr
    found = {
        deployment.Subscription(name, each["topic"], each["function"], each["filter"])
        for name, each in json.loads(json.loads(done.stdout)).items()
    }
    assert found == set(deployment.SUBSCRIPTIONS)


@pytest.mark.skipif(not shutil.which("tflint"), reason="no tflint: its rules are not tried")
def test_tflint_finds_nothing() -> None:
    done = subprocess.run(["tflint", "--recursive"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
