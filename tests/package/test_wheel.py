"""The wheel of the command line: reproducible, and whole where nothing else of poolwright is."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import poolwright
from localcloud import worldfile
from localcloud.demo import environment as demo
from tests.end_to_end.operator import image, world
from tests.end_to_end.serving import SMALL, Served, serve
from tests.package.conftest import ROOT, Copy

pytestmark = pytest.mark.slow  # each builds a wheel, as pip does: in an environment of its own

CONFIG = "poolwright/cloudbuild/boot-image.yaml"
QUIET = ("--disable-pip-version-check", "--quiet")
SETTINGS = "from poolwright.settings import Settings; print(Settings.read({'POOLWRIGHT_PROJECT': 'p'}).build_configs)"


def build(sources: Path, folder: Path, *, umask: int = 0o022) -> Path:
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "wheel",
        *QUIET,
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(sources),
    ]
    subprocess.run(command, umask=umask, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    # Isolated: what PYTHONPATH shows of poolwright is not what is installed.
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", *QUIET]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve("--state", str(world(tmp_path_factory.mktemp("world"), image("demo", 1)))) as served:
        yield served


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_two_copies_of_the_sources_make_the_same_wheel(copy: Copy, tmp_path: Path) -> None:
    first = build(copy("one", 0o022, 1.0e9), tmp_path / "first")
    second = build(copy("two", 0o077, 1.7e9), tmp_path / "second", umask=0o077)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_it_holds_the_package_and_its_build_config_under_the_one_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert wheel.name.split("-")[1] == poolwright.__version__
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"poolwright", f"poolwright-{poolwright.__version__}.dist-info"}
    files = [path for path in (ROOT / "shared" / "poolwright").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    sources = {path.relative_to(ROOT / "shared").as_posix() for path in files}
    assert {name for name in names if name.startswith("poolwright/")} == sources | {CONFIG}


def test_it_says_what_it_can_do(installed: Path, tmp_path: Path) -> None:
    done = run([str(installed / "bin" / "poolwright"), "--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rollout" in done.stdout


def test_it_finds_the_build_config_that_it_brought(installed: Path, tmp_path: Path) -> None:
    done = run([str(installed / "bin" / "python"), "-c", SETTINGS], tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.is_relative_to(installed)
    assert yaml.safe_load((folder / "boot-image.yaml").read_text("utf-8"))["steps"]


def test_it_plans_a_rollout(installed: Path, served: Served, tmp_path: Path) -> None:
    environments = demo.write(worldfile.read(SMALL), tmp_path / "environments")
    command = [str(installed / "bin" / "poolwright"), "plan", "--env", "demo", "--run-id", "1", "--output", "json"]
    told: dict[str, str] = served.manifest["env"]
    done = run(command, tmp_path, **told | {"POOLWRIGHT_ENVIRONMENTS": str(environments)})
    assert done.returncode == 0, done.stderr
    assert {each["verdict"] for each in json.loads(done.stdout)["groups"]} >= {"change"}
