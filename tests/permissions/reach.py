"""What of the outside world a function's code can reach, read from the code without running it.

From a function's entry point along every name that a function, a method or a module's own statement mentions. A class
that is mentioned brings all its methods, so this may find more than can happen, and never less. Two ways lead out that
this would not see, and `strays` finds both: a port that is handed on whole, and one that is looked up by a text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"": ROOT / "functions", "poolwright.": ROOT / "shared" / "poolwright"}
OUTSIDE = ("adapters.", "cli.")  # what is behind the ports, and what people run
PORTS = ("cloud_build", "clusters", "compute", "gke", "monitoring", "publisher", "store")
TOPICS = ("work_topic", "notifications_topic", "dead_letter_topic")
Definition = ast.FunctionDef | ast.ClassDef | ast.Module


@dataclass
class Place:
    """A definition: the places it mentions by their dotted names, and what it calls: `compute.patch_group`."""

    mentions: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    strays: list[str] = field(default_factory=list)


def reached(function: str) -> set[str]:
    """The ports' methods and the topics that a function can use: `store.get`, `work_topic`."""
    return set().union(*(places()[name].calls for name in _closure(f"{function}.{function}")))


def strays(function: str) -> list[str]:
    """Ports that are not called where a function's code names them; of these nothing is known."""
    return [stray for name in _closure(f"{function}.{function}") for stray in places()[name].strays]


def _closure(start: str) -> set[str]:
    met, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in met and name in places():
            met.add(name)
            waiting += places()[name].mentions
    return met


@cache
def places() -> dict[str, Place]:
    """Every definition of the functions and of the package, without adapters and command line."""
    found: dict[str, Place] = {}
    for prefix, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            if not prefix or not name.startswith(OUTSIDE):
                _of_module(f"{prefix}{name}".removesuffix(".__init__"), ast.parse(path.read_text("utf-8")), found)
    return found


def _of_module(module: str, tree: ast.Module, found: dict[str, Place]) -> None:
    own = {}
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            own[statement.name] = f"{module}.{statement.name}"
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            own |= {each.id: f"{module}.{each.id}" for each in targets if isinstance(each, ast.Name)}
    names = own | dict(_imported(tree))
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found[own[statement.name]] = _read(statement, names)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            place = _read(statement, names)
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                if isinstance(target, ast.Name):
                    found[own[target.id]] = place


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"


def _read(tree: ast.AST, names: dict[str, str]) -> Place:
    if isinstance(tree, ast.ClassDef):
        parts = [_read(each, names) for each in [*tree.bases, *tree.decorator_list, *tree.body]]
        return Place(
            set().union(*(each.mentions for each in parts)),
            set().union(*(each.calls for each in parts)),
            [stray for each in parts for stray in each.strays],
        )
    own = _bound(tree) if isinstance(tree, ast.FunctionDef) else set()
    names = {name: meant for name, meant in names.items() if name not in own}
    place = Place()
    called = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            place.mentions.add(names[node.id])
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in names:
                place.mentions.add(f"{names[node.value.id]}.{node.attr}")
            if isinstance(node.value, ast.Attribute) and node.value.attr in PORTS and _is_ports(node.value.value):
                place.calls.add(f"{node.value.attr}.{node.attr}")
            elif node.attr in TOPICS and _is_ports(node.value):
                place.calls.add(node.attr)
            elif node.attr in PORTS and _is_ports(node.value) and id(node) not in called:
                place.strays.append(ast.unparse(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr" and _is_ports(node.args[0]):
            place.strays.append(ast.unparse(node))
    return place


def _bound(function: ast.FunctionDef) -> set[str]:
    """What a name means in the function alone: its parameters and what it assigns."""
    arguments = function.args
    found = {each.arg for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    inner = {
        id(name) for node in ast.walk(function) if isinstance(node, ast.comprehension) for name in ast.walk(node.target)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inner:
            found.add(node.id)
    return found


def _is_ports(node: ast.expr) -> bool:
    """By the name that all code gives them."""
    return ast.unparse(node).rpartition(".")[2].strip("_") in ("ports", "outside")
