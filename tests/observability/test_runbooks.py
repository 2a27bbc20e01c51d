"""docs/recover.md: a runbook for each alert, each with all that a person needs, and commands that exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from localcloud.deployment import SUBSCRIPTIONS
from poolwright.cli import app as cli
from tests.observability import module

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "recover.md").read_text("utf-8")
PARTS = ("**Means.**", "**Look.**", "**Do.**", "**Over when**")
_PLACEHOLDER = re.compile(r"\$\w+|\$\([^)]*\)|[A-Z_]{2,}")


def runbooks(section: str) -> dict[str, str]:
    """Anchor -> text of each runbook of a section."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", text, re.MULTILINE | re.DOTALL)
    return {title.lower().replace(" ", "-"): body for title, body in found}


ALL = runbooks("Alerts") | runbooks("Without an alert")


def commands(program: str) -> list[str]:
    """Every command of the page that begins with the program, without comments."""
    lines = [line.strip().partition("  #")[0].strip() for line in PAGE.splitlines() if line.startswith("    ")]
    return sorted({line for line in lines if line.split()[0] == program})


def flags(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def test_every_alert_has_a_runbook_and_every_runbook_of_an_alert_has_one() -> None:
    assert runbooks("Alerts").keys() == module.alerts().keys()


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_runbook_says_what_it_means_where_to_look_what_to_do_and_when_it_is_over(name: str) -> None:
    places = [ALL[name].find(part) for part in PARTS]
    assert -1 not in places and places == sorted(places), dict(zip(PARTS, places, strict=True))


def test_it_has_what_no_alert_tells_of() -> None:
    assert runbooks("Without an alert").keys() == {
        "stop-everything", "bad-image", "bad-deployment", "lost-store", "restored-store", "stuck-lease",
    }  # fmt: skip


def test_every_line_of_code_begins_with_a_program_that_is_looked_at_here() -> None:
    code = [line.split()[0] for line in PAGE.splitlines() if line.startswith("    ")]
    assert set(code) == {"poolwright", "gcloud", "kubectl", "make", "terraform", "export"}


def test_links_lead_to_runbooks() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= ALL.keys()


@pytest.mark.parametrize("command", commands("poolwright"))
def test_a_command_of_ours_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)[1:]
    path = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    told = help_of(tuple(path))
    assert [flag for flag in flags(words) if f" {flag} " not in told] == []


def test_a_command_that_is_none_is_found() -> None:
    with pytest.raises(AssertionError):
        help_of(("rollout", "undo"))


@cache
def help_of(path: tuple[str, ...]) -> str:
    """What a command of ours says of itself."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = cli.run([*path, "--help"])
    assert status == 0, said.getvalue()
    assert f"Usage: poolwright {' '.join(path)} " in " ".join(said.getvalue().split())
    return said.getvalue()


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in commands("make"):
        assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE), command


def test_services_subscriptions_and_topics_have_the_names_that_they_are_deployed_under() -> None:
    known = {each.name for each in SUBSCRIPTIONS} | {"dead-letter"}
    topics = {each.topic for each in SUBSCRIPTIONS}
    functions = {f"poolwright-{each.function.replace('_', '-')}" for each in SUBSCRIPTIONS}
    assert set(re.findall(r"gcloud pubsub subscriptions \w+ (\S+)", PAGE)) <= known
    assert set(re.findall(r"gcloud pubsub topics publish (\S+)", PAGE)) <= topics
    assert set(re.findall(r"service(?:_name)?=\"?(poolwright-[a-z-]+)", PAGE)) <= functions
    assert set(re.findall(r"serviceAccount:(poolwright-[a-z-]+)@", PAGE)) <= functions | {"poolwright-push"}


OTHERS = [
    pytest.param(each, marks=getattr(pytest.mark, program))
    for program in ("gcloud", "kubectl")
    for each in commands(program)
]


@pytest.mark.slow
@pytest.mark.parametrize("command", OTHERS)
def test_a_command_of_somebody_elses_exists_with_its_options(command: str) -> None:
    words = shlex.split(_PLACEHOLDER.sub("x", command))
    if not shutil.which(words[0]):
        pytest.skip(f"there is no {words[0]} here: the commands of docs/recover.md are not tried")
    told = told_by(verbs_of(words)) + options_of_all(words[0])
    assert [flag for flag in flags(words) if flag not in told] == []


@cache
def told_by(verbs: tuple[str, ...]) -> str:
    """What the program says of what it is told to do."""
    done = subprocess.run([*verbs, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return re.sub(r"\x1b\[\d*m", "", done.stdout)


def verbs_of(words: list[str]) -> tuple[str, ...]:
    """The program and what it is told to do, without the thing it does it to."""
    program, *rest = [word for word in words if not word.startswith("-")]
    if program == "kubectl":
        return program, rest[0] if rest[0] != "poolwright" else rest[1]
    known = {
        "pubsub": 3, "logging": 2, "run": 3, "scheduler": 3, "compute": 3, "container": 3, "iam": 3, "storage": 2,
        "firestore": 3 if rest[1] == "databases" else 2,
    }  # fmt: skip
    count = 4 if rest[:3] == ["compute", "instance-groups", "managed"] else known[rest[0]]
    return program, *rest[:count]


@cache
def options_of_all(program: str) -> str:
    """The options that every command of the program takes."""
    if program == "gcloud":
        return "--project --format"
    return subprocess.run(["kubectl", "options"], capture_output=True, text=True, check=True).stdout
