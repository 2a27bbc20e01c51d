"""The container image: its recipe, what it starts, and the image itself, built and run as its user."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.deployment import unpack
from localcloud.ports import free_port
from tests.package.conftest import ROOT
from tests.package.test_archive import PYTHON

RECIPE = ROOT / "Dockerfile"
INSTRUCTION = re.compile(r"^([A-Z]+) ((?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
REAL = [
    pytest.mark.container,
    pytest.mark.skipif(os.geteuid() != 0, reason="an image is built by root here"),
    *(
        pytest.mark.skipif(shutil.which(each) is None, reason=f"{each} is not installed: no image is built")
        for each in ("buildah", "mmdebstrap")
    ),
]
PATIENCE_SECONDS = 60


def instructions() -> list[tuple[str, str]]:
    return [(found[1], found[2].replace("\\\n", " ").strip()) for found in INSTRUCTION.finditer(RECIPE.read_text())]


def of_the_image(name: str) -> list[str]:
    """What the last stage says."""
    found = instructions()
    last = max(place for place, (instruction, _) in enumerate(found) if instruction == "FROM")
    return [text for instruction, text in found[last:] if instruction == name]


def variables() -> dict[str, str]:
    words = [word for text in of_the_image("ENV") for word in shlex.split(text)]
    return dict(word.split("=", 1) for word in words)


def command() -> list[str]:
    (text,) = of_the_image("CMD")
    return list(json.loads(text))


def answer(port: int, process: subprocess.Popen[bytes]) -> int:
    """To a request that no function takes, once somebody listens."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).close()
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it does not come up")


@contextlib.contextmanager
def running(arguments: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all that it starts, until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, start_new_session=True, **options)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


# The recipe


def test_it_is_a_recipe_that_hadolint_has_nothing_against() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [hadolint, "--no-color", "--failure-threshold", "warning", RECIPE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_base_is_pinned_and_the_functions_python() -> None:
    stages = [text.split()[0] for name, text in instructions() if name == "FROM"]
    assert set(stages) == {"${BASE}"}
    (base,) = [text.removeprefix("BASE=") for name, text in instructions() if name == "ARG"]
    assert re.fullmatch(r"docker\.io/library/python:[\w.-]+-slim-\w+@sha256:[0-9a-f]{64}", base)
    deployed = (ROOT / "terraform" / "modules" / "poolwright" / "functions.tf").read_text("utf-8")
    runtime = re.search(r'runtime\s+= "python(\d)(\d+)"', deployed)
    assert runtime is not None
    assert base.split(":")[1].startswith(f"{runtime[1]}.{runtime[2]}.")


def test_nobody_in_it_is_root_and_nothing_goes_through_a_shell() -> None:
    (user,) = of_the_image("USER")
    assert all(int(each) > 0 for each in user.split(":"))
    assert [text for name, text in instructions() if name in ("RUN", "CMD") and not text.startswith("[")] == []


def test_what_it_starts_serves_the_function_that_a_service_names(archive: Path, tmp_path: Path) -> None:
    """Its own command under its own variables, where the image has its folders."""
    source, home, port = unpack(archive, tmp_path / "poolwright"), tmp_path / "home", free_port()
    home.mkdir()
    there = {"/opt/poolwright": str(PYTHON.parent.parent), "/srv/poolwright": str(source), "/tmp": str(home)}
    told = {name: re.sub("|".join(there), lambda found: there[found[0]], text) for name, text in variables().items()}
    told |= {"FUNCTION_TARGET": "tick", "PORT": str(port), "POOLWRIGHT_PROJECT": "p"}
    program = shutil.which(command()[0], path=told["PATH"])
    assert program is not None
    with running([program, *command()[1:]], tmp_path / "log", cwd=source, env=told) as process:
        assert answer(port, process) == 405
    assert "ERROR" not in (tmp_path / "log").read_text()


# The image


@dataclass(frozen=True)
class Buildah:
    """buildah with a store of its own."""

    folder: Path

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(self.line(*arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def line(self, *arguments: str) -> list[str]:
        where = ["--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"), "--storage-driver", "vfs"]
        return ["buildah", *where, *arguments]

    def base(self) -> str:
        """A Debian with Python in place of the real base, which no package registry has; its pip is told as ours is."""
        context = self.folder / "base"
        context.mkdir()
        packages = "python3,python3-venv,ca-certificates"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", context / "root.tar"],
            check=True, capture_output=True,
        )  # fmt: skip
        lines = ["FROM scratch", "ADD root.tar /"]
        if authority := os.environ.get("PIP_CERT"):
            shutil.copyfile(authority, context / "ca.pem")
            (context / "pip.conf").write_text("[global]\ncert = /etc/ca.pem\n")
            lines.append("COPY ca.pem pip.conf /etc/")
        (context / "Dockerfile").write_text("\n".join(lines))
        self("build", "--isolation", "chroot", "--quiet", "--tag", "localhost/base", str(context))
        return "localhost/base"


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    made = Buildah(tmp_path_factory.mktemp("buildah"))
    yield made
    made("rm", "--all")
    made("rmi", "--all", "--force")
    shutil.rmtree(made.folder)


@pytest.fixture(scope="module")
def container(buildah: Buildah) -> str:
    """Of the image, built by the recipe from the checkout."""
    told = ["--isolation", "chroot", "--quiet", "--build-arg", f"BASE={buildah.base()}"]
    buildah("build", *told, "--tag", "localhost/poolwright", str(ROOT))
    return buildah("from", "localhost/poolwright")


class TestImage:
    """The real thing."""

    pytestmark = REAL

    def test_it_holds_the_archive_and_nothing_else_of_ours(
        self, buildah: Buildah, container: str, archive: Path, tmp_path: Path
    ) -> None:
        inside = Path(buildah("mount", container)) / "srv/poolwright"
        expected = unpack(archive, tmp_path / "expected")
        assert files(inside) == files(expected)
        assert (inside / "__pycache__").is_dir(), "it is compiled"

    def test_it_serves_as_its_user(self, buildah: Buildah, container: str, tmp_path: Path) -> None:
        config = json.loads(buildah("inspect", "--type", "image", "localhost/poolwright"))["OCIv1"]["config"]
        assert config["Cmd"] == command()
        port = free_port()
        told = [f"--env={each}" for each in ("FUNCTION_TARGET=tick", f"PORT={port}", "POOLWRIGHT_PROJECT=p")]
        line = buildah.line("run", "--isolation", "chroot", *told, container, "--", *config["Cmd"])
        with running(line, tmp_path / "log") as process:
            assert answer(port, process) == 405
            assert config["User"].split(":")[0] in owners("functions-framework", port)
        assert "ERROR" not in (tmp_path / "log").read_text()


def files(folder: Path) -> dict[str, bytes]:
    """Content by name, of all but what Python made itself."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def owners(program: str, port: int) -> set[str]:
    """The users of processes of that program that were told of this port."""
    found = set()
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line, told = (each / "cmdline").read_text(), (each / "environ").read_text()
            if program in line and f"PORT={port}\0" in told:
                found.add(str(each.stat().st_uid))
    return found
