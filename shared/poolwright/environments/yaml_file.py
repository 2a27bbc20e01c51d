"""YAML, read as people mean it: no key twice, and `17:00` is a text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from poolwright.shape import Problem

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z|0o?[0-7_]+\Z|0x[0-9a-fA-F_]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?\Z|[-+]?[0-9]+[eE][-+]?[0-9]+\Z")


if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML brought libyaml along


class _Loader(_Base):
    """Without the numbers of base 60, which YAML 1.2 no longer has, nor do the editors that read our schema."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith((":int", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def read(path: Path) -> tuple[Any, tuple[Problem, ...]]:
    """The file's content and what is wrong with it."""
    try:
        loader = _Loader(path.read_text("utf-8"))
        root = loader.get_single_node()
        problems = tuple(_repeated(root, "", set()))
        return (None if problems or root is None else loader.construct_document(root)), problems
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as wrong:
        return None, (Problem("", f"not YAML: {_one_line(wrong)}"),)
    except OSError as wrong:
        return None, (Problem("", f"cannot be read: {wrong.strerror}"),)


def _repeated(node: yaml.Node | None, path: str, seen: set[int]) -> list[Problem]:
    """Keys that a mapping has twice, of which YAML would take the last without a word."""
    if node is None or id(node) in seen:
        return []
    seen.add(id(node))
    found: list[Problem] = []
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            found += _repeated(item, f"{path}[{place}]", seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            below = f"{path}.{name}" if path else name
            if name in lines:
                found.append(Problem(below, f"it is there twice, in lines {lines[name]} and {line}; keep one"))
            lines[name] = line
            found += _repeated(value, below, seen)
    return found


def _one_line(wrong: Exception) -> str:
    """PyYAML's errors quote the file over several lines; what is kept is the complaint and the place."""
    if isinstance(wrong, yaml.MarkedYAMLError) and wrong.problem_mark is not None:
        mark = wrong.problem_mark
        return f"{wrong.problem} in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(wrong).split())
