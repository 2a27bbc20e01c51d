"""The modules by terraform itself, with a provider that has the real schemas and nothing else, and by tflint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud import deployment
from tests.terraform import provider_schemas
from tests.terraform.terraform_files import ROOT, declared
from tools.terraform_readme import unquoted

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform: validation and mocked runs are not tried"),
]
needs_go = pytest.mark.skipif(not shutil.which("go"), reason="no go: terraform has no provider to validate against")

HELM, TFLINT = (ROOT.parent / "build" / name for name in ("helm", "tflint"))
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


def console(folder: Path, expression: str, variables: dict[str, str]) -> Any:
    """What an expression is, with these inputs and before anything is made."""
    given = [f"-var={name}={value}" for name, value in variables.items()]
    done = terraform(initialised(folder), "console", *given, text=f"jsonencode({expression})\n")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(json.loads(done.stdout))


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
    folder = copy / "modules" / "poolwright"
    variables = {
        "project_id": "acme-poolwright",
        "region": "us-central1",
        "archive": "tests/archive.zip",
        "node_service_accounts": '["gke-nodes@acme-poolwright.iam.gserviceaccount.com"]',
    }
    told = console(folder, "local.subscriptions", variables)
    found = {
        deployment.Subscription(name, each["topic"], each["function"], each["filter"]) for name, each in told.items()
    }
    assert found == set(deployment.SUBSCRIPTIONS)


MANIFESTS = ROOT.parent / "manifests"
GIVEN = {
    "project_id": "my-project",
    "location": "us-central1",
    "cluster": "serving",
    "function_service_accounts": json.dumps(
        {name: f"poolwright-{name}@my-project.iam.gserviceaccount.com" for name in ("notify", "step", "tick")}
        | {"status_page": "poolwright-status-page@my-project.iam.gserviceaccount.com"}
    ),
    "gke_notifications_topic": "projects/my-project/topics/gke-notifications",
    "smoke_job_namespaces": '["gpu-tests"]',
    "provisioners": '{l4 = {existingInstanceGroupNames = ["a"], maxNodes = 2, schedule = [{minNodes = 1}]}}',
}


def objects(*command: str | Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(kind, namespace, name) -> object, of the YAML that a command prints."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    for each in filter(None, yaml.safe_load_all(done.stdout)):
        each["metadata"].pop("labels", None)
        found[each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]] = each
    return found


@needs_go
@pytest.mark.skipif(not HELM.exists(), reason="no build/helm (make helm): the charts are not filled in")
@pytest.mark.skipif(not shutil.which("kubectl"), reason="no kubectl: there is no kustomize to compare with")
@pytest.mark.parametrize(
    ("release", "values"), [("poolwright", "cluster_values"), ("provisioners", "provisioner_values")]
)
def test_a_cluster_gets_the_objects_of_the_manifests(copy: Path, tmp_path: Path, release: str, values: str) -> None:
    (one,) = (each.body for each in declared() if (each.type, each.name) == ("helm_release", release))
    assert unquoted(one["values"][0]) == f"yamlencode(local.{values})"
    chart = ROOT / "modules/cluster" / unquoted(one["chart"]).removeprefix("${path.module}/")
    given = tmp_path / "values.json"
    given.write_text(json.dumps(console(copy / "modules" / "cluster", f"local.{values}", GIVEN)))
    where = ("--namespace", "default", "--kube-version", "1.33.0")
    made = objects(HELM, "template", *where, "-f", given, unquoted(one["name"]), chart)

    if release == "poolwright":
        wanted = [objects("kubectl", "kustomize", MANIFESTS / each) for each in ("example", "status-page")]
        assert made == wanted[0] | wanted[1]
    else:
        (provisioner,) = made.values()
        spec = {"existingInstanceGroupNames": ["a"], "maxNodes": 2, "schedule": [{"minNodes": 1}]}
        assert provisioner["kind"] == "NodeProvisioner" and provisioner["metadata"] == {"name": "l4"}
        assert without_nulls(provisioner["spec"]) == spec


def without_nulls(value: Any) -> Any:
    """As the apiserver stores it: a field that is null is as one that is not there
    (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable).
    """
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@pytest.mark.skipif(not TFLINT.exists(), reason="no build/tflint (make tflint): its rules are not tried")
def test_tflint_finds_nothing() -> None:
    done = tflint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not TFLINT.exists(), reason="no build/tflint (make tflint): its rules are not tried")
def test_tflint_finds_what_nobody_uses(copy: Path) -> None:
    (copy / "modules" / "cluster" / "variables.tf").open("a").write(
        'variable "idle" {\n  description = "Of no use."\n  type = string\n}\n'
    )
    done = tflint(copy)
    assert done.returncode == 2 and 'variable "idle" is declared but not used' in done.stdout, done.stderr


def tflint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run tflint in all modules below the folder, by the rules of terraform/.tflint.hcl."""
    config = f"--config={ROOT / '.tflint.hcl'}"
    return subprocess.run([TFLINT, "--recursive", config], cwd=folder, capture_output=True, text=True, check=False)
