"""The files of cloudbuild/, and the request made of one of them, held to Cloud Build's own messages and rules."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from google.cloud.devtools.cloudbuild_v1.types import Build
from google.protobuf import json_format

from localcloud.cloud_build.substitutions import BUILT_IN, check_template, substituted
from poolwright.builds import boot_image
from poolwright.builds.run import Run
from poolwright.environments import Environment

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "cloudbuild"
Json = dict[str, Any]

# `$$` is a dollar that Cloud Build leaves alone
# (https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values).
USED = re.compile(r"\$\$|\$(?:\{([A-Z_][A-Z0-9_]*)\}|([A-Z_][A-Z0-9_]*))")
SHELLS = ("bash", "sh")
WORST = 'a\'b "c" $d `e`; f'  # a value that breaks whatever script it is put into


def config(name: str) -> Json:
    found: Json = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return found


def request() -> Json:
    """What services/request_build.py submits."""
    environment = msgspec.convert(
        {
            "name": "dev",
            "project": "acme-gpu",
            "clusters": [{"name": "serving", "location": "us-central1"}],
            "buildServiceAccount": "image-builder@acme-gpu.iam.gserviceaccount.com",
            "build": {
                "source": "gs://acme-builds/packer.tgz",
                "zone": "us-central1-a",
                "timeoutSeconds": 3600,
                "containers": [f"registry/app@sha256:{'a' * 64}"],
            },
        },
        Environment,
    )
    run = Run(
        environment="dev", run_id=7, state="requested", image="poolwright-dev-7", gke_version="1.33.5-gke.1080000",
        source_image="projects/gke-node-images/global/images/gke-cos", architecture="X86_64", disk_size_gb=100,
        requested=0,
    )  # fmt: skip
    return boot_image.body(config("boot-image.yaml"), environment=environment, run=run)


NAMES = sorted(path.name for path in FOLDER.iterdir())
BUILDS: dict[str, Json] = {name: config(name) for name in NAMES} | {"the request": request()}


def texts(value: Any) -> Iterator[str]:
    """All strings in it, keys of substitutions left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)


def names_in(build: Json) -> set[str]:
    """Substitutions that a build names."""
    return {found[1] or found[2] for text in texts(build) for found in USED.finditer(text) if found[0] != "$$"}


def parse(build: Json) -> Any:
    return json_format.ParseDict(build, Build.pb(Build()), ignore_unknown_fields=False)


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> Json:
    return copy.deepcopy(BUILDS[request.param])


def test_there_is_a_build_for_images_functions_and_tests() -> None:
    assert {"boot-image.yaml", "functions.yaml", "tests.yaml"} <= set(NAMES)


def test_it_is_a_build_as_google_describes_one(build: Json) -> None:
    parse(build)
    build["steps"][0]["argz"] = ["x"]
    with pytest.raises(json_format.ParseError, match="argz"):
        parse(build)


def test_every_substitution_is_declared_and_used(build: Json) -> None:
    declared = set(build.get("substitutions", {}))
    used = names_in({key: value for key, value in build.items() if key != "substitutions"})
    assert used - set(BUILT_IN) == declared
    check_template(build)


def test_the_request_sets_what_the_config_declares_and_nothing_else() -> None:
    sent, declared = BUILDS["the request"]["substitutions"], BUILDS["boot-image.yaml"]["substitutions"]
    assert set(sent) == set(declared)
    assert [name for name, value in sent.items() if value == ""] == []


def test_every_image_is_pinned_by_its_digest(build: Json) -> None:
    pinned = re.compile(r"[\w./-]+:\d[\w.-]+@sha256:[0-9a-f]{64}")
    assert [step["name"] for step in build["steps"] if not pinned.fullmatch(step["name"])] == []


def test_it_has_an_identity_of_its_own_a_time_limit_and_its_logs_in_cloud_logging(build: Json) -> None:
    assert re.fullmatch(
        r"projects/[^/]+/serviceAccounts/[a-z-]+@[^/]+\.iam\.gserviceaccount\.com", build["serviceAccount"]
    )
    assert 0 < float(build["timeout"].removesuffix("s")) <= 86400
    assert build["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    assert len({step["id"] for step in build["steps"]}) == len(build["steps"])


def test_packer_is_stopped_in_time_to_delete_its_machine(build: Json) -> None:
    """It needs minutes for that, and the steps after it some more."""
    if "_PACKER_SECONDS" in build.get("substitutions", {}):
        limit, packers = float(build["timeout"].removesuffix("s")), float(build["substitutions"]["_PACKER_SECONDS"])
        assert packers == pytest.approx(0.9 * limit)
        assert limit - packers >= 300


def scripts(build: Json) -> Iterator[tuple[str, str, str]]:
    """(step, shell, script as the shell gets it) of each step."""
    values = dict.fromkeys(names_in(build), WORST)
    for step in substituted(build, values)["steps"]:
        if step.get("entrypoint") in SHELLS:
            yield step["id"], step["entrypoint"], step["args"][-1]


def test_values_reach_scripts_as_variables_so_that_none_is_run(build: Json) -> None:
    assert [step for step, _, script in scripts(build) if WORST in script] == []


def test_scripts_stop_at_the_first_error(build: Json) -> None:
    for step in build["steps"]:
        if step.get("entrypoint") in SHELLS:
            assert step["args"][0] == "-euc"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed: scripts go unchecked")
def test_scripts_are_clean_and_know_every_variable_they_name(build: Json) -> None:
    """Also the escapes: a `$$` too few is a substitution nobody declared, and one too many the shell's process id."""
    for step, shell, script in scripts(build):
        assert not re.search(r"\$\$", script), step
        done = subprocess.run(
            ["shellcheck", f"--shell={shell}", "-"], input=script, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{step}: {done.stdout}"
        env = next(each.get("env", []) for each in build["steps"] if each["id"] == step)
        known = {each.partition("=")[0] for each in env}
        assert set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", script)) <= known, step
