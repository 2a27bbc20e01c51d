"""The pages of docs/reference that the code says itself.

python tools/reference.py      (make references) writes them anew
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints

import typer.main

from localcloud.deployment import DEAD_LETTERS, SUBSCRIPTIONS
from poolwright import settings, traces
from poolwright.cli.app import app
from poolwright.events import cloud_build, incident, node_pool, notification, rollout_command, tick, work

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
MADE = "\n<!-- made by make references -->\n"

# Topic -> who publishes there, and the module that reads what comes.
TOPICS: dict[str, tuple[str, ModuleType]] = {
    "cloud-builds": ("Cloud Build", cloud_build),
    "gke-audit": ("a log sink of GKE's audit log", node_pool),
    "gke-notifications": ("GKE", node_pool),
    "gpu-alerts": ("Cloud Monitoring", incident),
    "rollout-commands": ("people, pipelines, the command line", rollout_command),
    "work": ("poolwright", work),
    "ticks": ("Cloud Scheduler", tick),
    "notifications": ("poolwright", notification),
}


def pages() -> dict[str, Callable[[], str]]:
    """File name -> what stands in it."""
    return {
        "command-line.md": command_line,
        "make.md": make_targets,
        "messages.md": messages,
        "settings.md": variables,
    }


def command_line() -> str:
    """Every command, as Typer knows it."""
    top: Any = typer.main.get_command(app)
    parts = [
        "# The command line\n",
        f"{_sentences(top.help)} What they print with `--output json`: [documents](../output-json.md). Exit status: "
        "[operate.md](../operate.md#exit-status).\n",
    ]
    for name, command in _commands(top, "poolwright"):
        parts.append(f"## {name}\n\n{_sentences(command.help)}\n")
        if examples := re.findall(r"^  (poolwright .*)$", command.epilog or "", re.MULTILINE):
            parts.append("".join(f"    {each}\n" for each in examples))
        if rows := [_parameter(each) for each in command.params if each.name != "help"]:
            parts.append(_table(("", "meaning", "default"), rows))
    return "\n".join(parts)


def _commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Commands that do something, each with its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def _parameter(each: Any) -> tuple[str, str, str]:
    flag = getattr(each, "is_flag", False)
    names = ", ".join(each.opts) if each.opts[0].startswith("-") else ""
    value = "" if flag else each.metavar or "\\|".join(get_args(each.type_descriptor.annotation)) or each.name.upper()
    return f"`{f'{names} {value}'.strip()}`", _sentences(each.help), "" if flag else _default(each)


def _default(each: Any) -> str:
    if each.required:
        return "required"
    if isinstance(each.show_default, str):
        return str(each.show_default)
    return f"`{each.default}`" if each.default and each.show_default else ""


def make_targets() -> str:
    """`make help`, as tables."""
    parts = ["# make\n", "`make help` shows the same.\n"]
    rows: list[tuple[str, str]] = []
    for line in (ROOT / "Makefile").read_text("utf-8").splitlines():
        if line.startswith("##@"):
            parts += [_table(("target", "what"), rows)] if rows else []
            parts.append(f"## {line.removeprefix('##@').strip().partition(':')[0]}\n")
            rows = []
        elif found := re.match(r"([a-z-]+):.*## (.+)", line):
            rows.append((f"`{found[1]}`", found[2]))
    return "\n".join([*parts, _table(("target", "what"), rows)])


def messages() -> str:
    """Topics, who hears them, and what a message says."""
    rows = [
        (f"`{each.topic}`", TOPICS[each.topic][0], f"`{each.function}`", f"`{each.filter}`" if each.filter else "all")
        for each in SUBSCRIPTIONS
    ]
    rows.append((f"`{DEAD_LETTERS}`", "poolwright, Pub/Sub", "", "what could not be handled, kept for people"))
    parts = [
        "# Messages\n",
        "A message is only a hint: the function that hears it asks Google what is true. What it proves is no more than "
        "that its sender may publish to the topic.\n",
        _table(("topic", "who publishes", "function", "what of it"), rows),
        "## How each is answered\n",
        _docstring(ROOT / "functions" / "delivery.py"),
    ]
    for module in dict.fromkeys(module for _, module in TOPICS.values()):
        topics = " and ".join(f"`{name}`" for name, (_, read) in TOPICS.items() if read is module)
        parts += [f"## On {topics}\n", f"{inspect.getdoc(module)}\n"]
        if module is work:
            parts += [_table(("kind", "meaning", "fields"), [_kind(each) for each in get_args(work.Work)])]
        elif module in (rollout_command, notification):
            body = rollout_command._Command if module is rollout_command else notification._Record
            parts += [_table(("field", "what it holds", ""), list(_fields(body)))]
    return "\n".join(
        [*parts, "## Attributes of our own messages\n", _table(("attribute", "on", "says"), _attributes())]
    )


def _attributes() -> list[tuple[str, str, str]]:
    refusal = re.findall(r'"(poolwright-[a-z-]+)":', (ROOT / "functions" / "delivery.py").read_text("utf-8"))
    return [
        ("`kind`", "`work`", "what is to be looked at; there for filters"),
        ("`kind`, `environment`, `subject`, `key`", "`notifications`", "what the record says too; there for filters"),
        (_code(", ".join(refusal)), f"`{DEAD_LETTERS}`", "who refused it, where, why, and what to do"),
        (f"`{traces.ATTRIBUTE}`", "all", "the trace that it belongs to"),
    ]


def _kind(shape: Any) -> tuple[str, str, str]:
    return f"`{shape.kind}`", _sentences(shape.__doc__), ", ".join(f"`{each.name}`" for each in fields(shape))


def _fields(shape: Any) -> Iterator[tuple[str, str, str]]:
    for name, kind in get_type_hints(shape, include_extras=True).items():
        optional = get_origin(kind) is NotRequired
        yield f"`{name}`", _named(get_args(kind)[0] if optional else kind), "optional" if optional else "required"


def _named(kind: Any) -> str:
    """A type in words."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(kind))
    if get_origin(kind) is list:
        return "a list of texts"
    kinds = [each for each in get_args(kind) if each is not type(None)]
    return _named(kinds[0]) if kinds else {str: "a text", int: "a whole number"}[kind]


def variables() -> str:
    """The settings' own table."""
    table = [line for line in (settings.__doc__ or "").splitlines() if line.startswith("|")]
    rows = [re.sub(r"^\| ([A-Z][A-Z_, ]+?) \|", lambda found: f"| {_code(found[1])} |", line) for line in table]
    return "\n".join([
        "# Environment variables\n",
        "What a function and the command line are told. Everything else is said in "
        "[environment files](../environments.md#fields).\n",
        *rows,
        "",
        "`GOOGLE_CLOUD_PROJECT`, `GOOGLE_APPLICATION_CREDENTIALS`, `PUBSUB_EMULATOR_HOST` and "
        "`FIRESTORE_EMULATOR_HOST` mean what they mean to Google's client libraries, and `NO_COLOR` what it means "
        "everywhere (https://no-color.org).\n",
        "## Traces\n",
        _docstring(ROOT / "shared" / "poolwright" / "traces.py"),
    ])  # fmt: skip


def _code(names: str) -> str:
    return ", ".join(f"`{each}`" for each in names.split(", "))


def _docstring(path: Path) -> str:
    """A module's own words, without importing it."""
    return f"{ast.get_docstring(ast.parse(path.read_text('utf-8')))}\n"


def _sentences(text: str | None) -> str:
    return " ".join((text or "").split())


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(each)} |\n" for each in lines)


def main() -> None:
    """Write them."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text() + MADE, "utf-8")


if __name__ == "__main__":
    main()
