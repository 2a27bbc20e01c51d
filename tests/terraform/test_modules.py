"""The Terraform modules, read without terraform: schemas, inputs, projects, READMEs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from localcloud import deployment
from poolwright import settings, traces
from tests.terraform import provider_schemas
from tests.terraform.terraform_files import ROOT, declared, of_text, problems
from tools import provisioner_fields, terraform_readme
from tools.terraform_readme import unquoted

pytestmark = pytest.mark.terraform

SCHEMAS: dict[str, Any] = json.loads(provider_schemas.FILE.read_text("utf-8"))
MODULES = terraform_readme.modules()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_argument_and_block_is_one_of_the_providers(module: Path) -> None:
    found = [problem for one in declared(module) for problem in problems(one, SCHEMAS)]
    assert not found, "\n".join(found)


def test_the_schemas_are_of_all_that_is_declared_and_of_the_pinned_versions() -> None:
    kept = {(p, kind, name) for p, each in SCHEMAS.items() for kind in ("resource", "data") for name in each[kind]}
    assert kept == set(provider_schemas.used()), "run make terraform-schemas"
    pins = set()
    for path in ROOT.rglob("versions.tf"):
        text = path.read_text("utf-8")
        pins |= set(re.findall(r'source\s+= "hashicorp/(\w+)"\s+version = "~> ([\d.]+)"', text))
    assert pins == {(name, each["version"].rpartition(".")[0]) for name, each in SCHEMAS.items()}


def test_the_schemas_are_the_bindings_own() -> None:
    assert provider_schemas.FILE.read_text("utf-8") == provider_schemas.derived(), "run make terraform-schemas"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('name = "a"\n nam = "b"', "no argument nam"),
        ("labels = {}", "name is missing"),
        ('name = "a"\n labels {}', "no block labels"),
        ('name = "a"\n schema_settings = {}', "no argument schema_settings (it is a block)"),
        ('name = "a"\n message_storage_policy {}', "message_storage_policy: allowed_persistence_regions is missing"),
        ('name = "a"\n schema_settings {\n schema = "s"\n }\n schema_settings {\n schema = "t"\n }', "more than one"),
        ("name = 7", "name is a number; it should be a string"),
        (
            'name = "a"\n dynamic "message_transforms" {\n for_each = []\n content {\n enabled = true\n }\n }',
            "message_transforms: no argument enabled",
        ),
    ],
)
def test_what_the_provider_does_not_know_is_found(body: str, problem: str) -> None:
    (one,) = of_text(f'resource "google_pubsub_topic" "this" {{\n {body}\n}}\n')
    assert any(problem in each for each in problems(one, SCHEMAS)), problems(one, SCHEMAS)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_input_is_typed_described_and_in_a_module_validated(module: Path) -> None:
    for name, body in terraform_readme.declared(module, "variable").items():
        assert unquoted(body["description"]).endswith("."), name
        assert body["type"], name
        if module.parent.name == "modules" and body["type"] != "bool":
            for rule in body["validation"]:
                assert name in rule["condition"] and rule["error_message"], name
    for name, body in terraform_readme.declared(module, "output").items():
        assert unquoted(body["description"]).endswith("."), name


def test_every_validation_is_tried_with_a_wrong_value() -> None:
    for module in MODULES:
        if module.parent.name == "modules":
            tried = (module / "tests" / "bad_input.tftest.hcl").read_text("utf-8")
            rules = {n: len(b.get("validation", [])) for n, b in terraform_readme.declared(module, "variable").items()}
            for name, count in rules.items():
                assert tried.count(f"expect_failures = [var.{name}]") >= count, f"{module.name}: {name}"


def test_a_subscription_is_set_as_on_the_stand_in() -> None:
    (push,) = (one.body for one in declared() if (one.type, one.name) == ("google_pubsub_subscription", "push"))
    process: Any = None
    function = deployment.Function("tick", 1, process, Path())
    deployed = deployment.Deployment(Path(), Path(), {"POOLWRIGHT_PROJECT": "p"}, Path(), functions={"tick": function})
    (tick,) = (each for each in deployment.SUBSCRIPTIONS if each.name == "tick")
    told = deployed._request(tick, retry=True)

    assert push["ack_deadline_seconds"] == told["ack_deadline_seconds"]
    assert push["dead_letter_policy"][0]["max_delivery_attempts"] == told["dead_letter_policy"]["max_delivery_attempts"]
    assert unquoted(push["expiration_policy"][0]["ttl"]) == "" and told["expiration_policy"] == {}  # never
    for name in ("minimum_backoff", "maximum_backoff"):
        assert unquoted(push["retry_policy"][0][name]) == f"{told['retry_policy'][name]['seconds']}s"
    assert {"push_endpoint", "oidc_token"} <= set(push["push_config"][0]) and "oidc_token" in told["push_config"]


def test_a_provisioners_fields_are_those_of_the_definition() -> None:
    """Name and whether it is required, of each field at any depth."""
    variable = terraform_readme.declared(ROOT / "modules" / "cluster", "variable")["provisioners"]
    written = re.findall(r"(\w+)\s*=\s*(optional\()?", unquoted(variable["type"]))
    definition = yaml.safe_load(provisioner_fields.DEFINITION.read_text("utf-8"))
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]

    def fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
        for name, each in schema.get("properties", {}).items():
            yield name, name in schema.get("required", [])
            yield from fields(each)
            yield from fields(each.get("items", {}))

    assert sorted((name, not optional) for name, optional in written) == sorted(fields(spec))


def test_a_trigger_builds_what_is_there_as_whom_the_build_config_says() -> None:
    (local,) = hcl2.loads((ROOT / "modules/poolwright/triggers.tf").read_text("utf-8"))["locals"]
    triggers = re.findall(
        r'config\s*=\s*"([\w.-]+)",\s*identity\s*=\s*"(\w+)",\s*files\s*=\s*\[(.*?)\]', str(local["triggers"])
    )
    assert {config for config, _, _ in triggers} == {"functions.yaml", "tests.yaml"}
    for config, identity, files in triggers:
        build = yaml.safe_load((ROOT.parent / "cloudbuild" / config).read_text("utf-8"))
        account = (
            f"projects/${{PROJECT_ID}}/serviceAccounts/poolwright-{identity}@${{PROJECT_ID}}.iam.gserviceaccount.com"
        )
        assert build["serviceAccount"] == account and identity in local["built_as"]
        for each in re.findall(r'"([^"]+)"', files):
            assert (ROOT.parent / each.removesuffix("/**")).exists(), each


def test_functions_are_told_only_what_settings_know() -> None:
    known = set(re.findall(r"POOLWRIGHT_\w+", Path(settings.__file__).read_text("utf-8")))
    known |= set(re.findall(r"OTEL_\w+", Path(traces.__file__).read_text("utf-8")))
    functions = [one.body for one in declared() if one.type == "google_cloudfunctions2_function"]
    assert len(functions) == 2, "those that messages wake, and the status page"
    for function in functions:
        told = {name.strip('"') for name in function["service_config"][0]["environment_variables"]}
        assert "POOLWRIGHT_PROJECT" in told and told <= known


def test_no_project_is_written_out() -> None:
    for one in declared():
        for name in ("project", "project_id"):
            assert str(one.body.get(name, "${")).startswith("${"), f"{one}: {name} = {one.body[name]}"
    for path in ROOT.rglob("*.tf"):
        code = re.sub(r"#.*|(description|error_message)\s+= .*|regex\(.*", "", path.read_text("utf-8"))
        assert not re.findall(r"projects/(?!\$\{|-/)[a-z][\w-]*|\b(?:my|acme)-[a-z]+", code), path


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_modules_readme_has_its_inputs_and_outputs(module: Path) -> None:
    text = (module / "README.md").read_text("utf-8")
    assert terraform_readme.written(text, module) == text, "run make terraform-docs"


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        terraform_readme.written("# A module\n", MODULES[0])


def test_the_tables_show_types_defaults_and_meanings(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text(
        'variable "level" {\n description = "How much."\n type = string\n default = "INFO"\n}\n'
        'variable "many" {\n description = "Which."\n type = set(string)\n default = []\n}\n'
        'variable "needed" {\n description = "What."\n type = number\n}\n'
        'output "made" {\n description = "Its id."\n value = var.level\n}\n'
    )
    tables = terraform_readme.tables(tmp_path)
    assert '| `level` | How much. | `string` | `"INFO"` |' in tables
    assert "| `many` | Which. | `set(string)` | `[]` |" in tables
    assert "| `needed` | What. | `number` | required |" in tables
    assert "| `made` | Its id. |" in tables
