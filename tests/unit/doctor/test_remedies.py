"""What a finding tells a person to do can be done: pages and commands that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from poolwright.cli.app import app

ROOT = Path(__file__).resolve().parents[3]
TEXT = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "shared/poolwright/services/doctor").rglob("*.py")))
PAGES = sorted(set(re.findall(r"\bdocs/[\w-]+\.md", TEXT)))
COMMANDS = sorted(set(re.findall(r"[\"`]poolwright ([a-z]+)", TEXT)))
MODULES = sorted(set(re.findall(r"terraform apply module ([\w-]+)", TEXT)))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_named_is_there(page: str) -> None:
    assert (ROOT / page).is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_named_is_one(command: str) -> None:
    known = typer.main.get_command(app)
    assert command in vars(known)["commands"]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_is_named_is_one_of_terraforms(module: str) -> None:
    assert (ROOT / "terraform" / "modules" / module).is_dir()


def test_there_is_something_to_look_for() -> None:
    assert len(PAGES) > 4
    assert {"auth", "build", "images", "resume"} <= set(COMMANDS)
    assert MODULES == ["gpu-alerts"]
