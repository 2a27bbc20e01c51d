"""The deployment archive: reproducible, whole, and nothing in it that a function does not need."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.deployment import Deployment, unpack
from tests.package.conftest import ROOT, Copy
from tests.payloads.samples import push

PYTHON = ROOT / "build" / "functions-venv" / "bin" / "python"
UNCONCERNED: dict[str, dict[str, Any]] = {
    "image_built": push("cloud-build-unrelated-working"),
    "node_pool_changed": push("gke-create-node-pool-started"),
    "gpu_alert": push("monitoring-unrelated"),
    "step": push({"data": {"kind": "rollout", "rollout": "gone", "cause": "late"}, "attributes": {}}),
}


def entry_points() -> list[str]:
    found = re.search(r"__all__ = (\[.*?\])", (ROOT / "functions" / "main.py").read_text("utf-8"), re.DOTALL)
    assert found is not None
    return list(ast.literal_eval(found[1]))


@pytest.fixture(scope="module")
def source(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(archive, tmp_path_factory.mktemp("unpacked"))


@pytest.fixture(scope="module")
def served(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """All functions, each in a process that has the archive and what requirements.txt installs, and nothing else."""
    assert PYTHON.exists(), f"{PYTHON} is missing: run `make setup`"
    folder = tmp_path_factory.mktemp("served")
    env = {"POOLWRIGHT_PROJECT": "p", "POOLWRIGHT_STORE": f"sqlite:{folder / 'store.db'}"}
    deployment = Deployment(python=PYTHON, source=source, env=env, folder=folder)
    try:
        deployment.start(entry_points())
        yield deployment
    finally:
        deployment.stop()


def ask(served: Deployment, function: str, method: str, body: dict[str, Any] | None = None) -> int:
    request = urllib.request.Request(served.functions[function].url, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_two_copies_of_the_sources_make_the_same_bytes(copy: Copy, tmp_path: Path) -> None:
    def built(folder: Path, umask: int, **variables: str) -> bytes:
        elsewhere = tmp_path / f"cwd-{umask}"
        elsewhere.mkdir()
        command = [sys.executable, str(folder / "tools" / "package.py"), str(elsewhere / "out.zip")]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{folder / 'shared'}", **variables}
        subprocess.run(command, cwd=elsewhere, env=env, umask=umask, check=True, capture_output=True)
        return (elsewhere / "out.zip").read_bytes()

    first = built(copy("one", 0o022, 1.0e9), 0o022, LC_ALL="C", TZ="UTC", PYTHONHASHSEED="1")
    second = built(copy("two", 0o077, 1.7e9), 0o077, LC_ALL="C.UTF-8", TZ="Asia/Tokyo", PYTHONHASHSEED="2")
    assert first == second


def test_no_version_of_zlib_has_a_say(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        assert {member.compress_type for member in packed.infolist()} == {zipfile.ZIP_STORED}


def test_it_holds_what_deploys_and_nothing_else(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        names = packed.namelist()
    assert names == sorted(set(names))
    assert {"main.py", "requirements.txt", "poolwright/bootstrap.py", "environments/dev.yaml"} <= set(names)
    assert {"cloudbuild/boot-image.yaml", "environments/files/startup.sh"} <= set(names)
    folders = {name.partition("/")[0] for name in names if "/" in name}
    assert folders == {"poolwright", "environments", "cloudbuild"}
    unwanted = re.compile(r"(?:^|/)(?:tests?|test_\w+|conftest|cli|__pycache__|localcloud)(?:/|\.py|$)|\.pyc$")
    assert [name for name in names if unwanted.search(name)] == []


def test_every_module_in_it_is_imported_by_another_and_every_import_is_met(source: Path) -> None:
    there = {_module(path.relative_to(source)) for path in source.rglob("*.py")}
    asked = {name for path in source.rglob("*.py") for name in _imports(path)}
    ours = {name for name in asked if name.partition(".")[0] == "poolwright" or name in there}
    packages = {".".join(name.split(".")[:count]) for name in there for count in range(1, name.count(".") + 1)}
    assert there - ours - packages == {"main"}
    assert {name for name in ours if name not in there and name.rpartition(".")[0] not in there} == set()


def test_every_module_in_it_can_be_imported_there(source: Path) -> None:
    names = sorted(_module(path.relative_to(source)) for path in source.rglob("*.py"))
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    command = [str(PYTHON), "-B", "-c", program, *names]
    done = subprocess.run(command, cwd=source, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", entry_points())
def test_it_serves_every_function(function: str, served: Deployment) -> None:
    """By its own answer to what it does not take: pages are read, messages are pushed."""
    assert ask(served, function, "POST" if function == "status_page" else "GET") == 405


@pytest.mark.parametrize("function", UNCONCERNED)
def test_a_message_of_no_concern_is_acknowledged(function: str, served: Deployment) -> None:
    assert ask(served, function, "POST", UNCONCERNED[function]) == 204


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    for part in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module:
            yield part.module
            yield from (f"{part.module}.{alias.name}" for alias in part.names)
