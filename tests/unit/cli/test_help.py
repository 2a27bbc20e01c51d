"""What every command says of itself, as Typer knows the commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from poolwright.cli.app import app, run

ROOT = Path(__file__).resolve().parents[3]
OUTSIDE = ("google", "grpc", "requests", "kubernetes", "yaml", "proto", "flask")


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example_that_it_would_take(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"Examples? *\n", shown)
    examples = [line.strip() for line in shown.splitlines() if line.strip().startswith("poolwright ")]
    assert examples
    for line in examples:
        words = shlex.split(line)[1:]
        assert tuple(words[: len(path)]) == path
        ALL[path].make_context(line, words[len(path) :])  # raises for what the command does not take


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_speaks_to_programs_too(path: tuple[str, ...]) -> None:
    assert "output" in {parameter.name for parameter in ALL[path].params}


def test_what_operators_know_is_there() -> None:
    wanted = {
        "plan", "status", "images", "pools", "build", "stop", "resume", "tidy", "auth", "doctor",
        *(f"rollout {name}" for name in ("start", "status", "pause", "resume", "abort", "rollback", "watch")),
        *(f"reference {name}" for name in ("create", "check", "fetch", "delete")),
    }  # fmt: skip
    assert {" ".join(path) for path in ALL} == wanted


def test_help_is_there_before_any_library_of_google_is() -> None:
    code = """
import sys
before = set(sys.modules)  # an interpreter may begin with some, for packages that share a name
from poolwright.cli.app import run
run(["plan", "--help"])
print(*(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": "shared"}, capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert imported.isdisjoint(OUTSIDE)


def test_the_package_installs_a_command_and_what_it_needs() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"] == {"poolwright": "poolwright.cli:main"}
    hatch = project["tool"]["hatch"]
    assert hatch["build"]["targets"]["wheel"]["packages"] == ["shared/poolwright"]
    files = hatch["metadata"]["hooks"]["requirements_txt"]["files"]
    named = "".join((ROOT / name).read_text("utf-8") for name in files)
    assert {"typer", "rich", "msgspec"} <= set(re.findall(r"^([\w-]+)==", named, re.MULTILINE))
    assert "typer" not in (ROOT / "requirements.txt").read_text("utf-8")
