"""The `fields` parameter: a partial answer (https://developers.google.com/workspace/drive/api/guides/fields-parameter)."""

from __future__ import annotations

import re
from typing import Any

Tree = dict[str, "Tree"]


def select(answer: dict[str, Any], fields: str) -> dict[str, Any]:
    """What `fields` (`items(name,id),nextPageToken`, `items/name`, `*`) leaves of an answer."""
    tree, _ = _parse(re.findall(r"[^,()/\s]+|[,()/]", fields), 0)
    return _pick(answer, tree) if tree else answer


def _parse(tokens: list[str], at: int) -> tuple[Tree, int]:
    tree: Tree = {}
    while at < len(tokens) and tokens[at] != ")":
        if tokens[at] == ",":
            at += 1
            continue
        node = tree.setdefault(tokens[at], {})
        at += 1
        while at < len(tokens) and tokens[at] == "/":
            node = node.setdefault(tokens[at + 1], {})
            at += 2
        if at < len(tokens) and tokens[at] == "(":
            inner, at = _parse(tokens, at + 1)
            node.update(inner)
            at += 1
    return tree, at


def _pick(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_pick(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    if "*" in tree:
        return {name: _pick(item, tree["*"] | tree.get(name, {})) for name, item in value.items()}
    return {name: _pick(value[name], inner) for name, inner in tree.items() if name in value}
