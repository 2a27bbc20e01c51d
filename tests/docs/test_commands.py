"""Every command of ours that a page shows is one that there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from poolwright.cli.app import app
from tests.docs.test_links import pages
from tools import links, reference

_CODE = re.compile(r"^(?:```\w*\n.*?^```$|(?: {4,}|\t)[^\n]*$)|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"(?:^[ \t]*|[;&|`]\s*|\$ )make((?: [A-Z_]+=[^\s`]*| -\w+| [a-z][a-z-]*)+)", re.MULTILINE)
_OURS = re.compile(r"(?:^[ \t]*|[;&|`(]\s*|\$ |bin/)poolwright ([a-z][^\n`|;&#)]*)", re.MULTILINE)
_SHOWN = {"poolwright", "is"}  # words of output that a page shows, not of a command


def shown() -> Iterator[tuple[str, str]]:
    """(page, code) of every piece of code in every page, with continued lines joined."""
    for page in pages():
        for code in _CODE.finditer((links.ROOT / page).read_text("utf-8")):
            yield page, code[0].replace("\\\n", " ")


@cache
def targets() -> frozenset[str]:
    found = re.findall(r"^([a-z-]+):(?!=)", Path(links.ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    return frozenset(found)


@cache
def command_line() -> Any:
    return typer.main.get_command(app)


def commands() -> list[tuple[str, str]]:
    found = {(page, line[1].strip()) for page, code in shown() for line in _OURS.finditer(code)}
    return sorted(each for each in found if each[1].split()[0] not in _SHOWN)


def unknown(command: str) -> str:
    """What is wrong with `poolwright COMMAND`; empty if nothing."""
    found = command_line()
    words = (
        shlex.split(command.replace('"...', '"').replace("...", ""), posix=True) if _even(command) else command.split()
    )
    while words and hasattr(found, "commands"):
        if (name := words.pop(0)) not in found.commands:
            return f"no command {name}"
        found = found.commands[name]
    options = {name for each in found.params for name in each.opts} if hasattr(found, "params") else set()
    strange = [word for word in words if word.startswith("--") and word.partition("=")[0] not in {*options, "--help"}]
    return f"no option {strange[0]}" if strange else ""


def _even(text: str) -> bool:
    return text.count('"') % 2 == 0 and text.count("'") % 2 == 0


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_the_command_line_exists(page: str, command: str) -> None:
    assert unknown(command) == "", f"{page}: poolwright {command}"


def test_every_make_target_that_is_shown_exists() -> None:
    lines = {(page, line[1]) for page, code in shown() for line in _MAKE.finditer(code)}
    named = {(page, word) for page, line in lines for word in line.split() if re.fullmatch(r"[a-z][a-z-]*", word)}
    assert {"demo", "docs", "package"} <= {name for _, name in named}
    assert {each for each in named if each[1] not in targets()} == set()


def test_a_command_that_there_is_not_is_found() -> None:
    assert unknown("rollout begin --env dev") == "no command begin"
    assert unknown("plan --env dev --run 3") == "no option --run"


def test_the_reference_of_make_has_every_target_with_a_word_of_help() -> None:
    assert "`mutate-instance-groups`" in reference.make_targets()
