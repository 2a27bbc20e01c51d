"""The `fields` parameter: a partial answer (https://developers.google.com/workspace/drive/api/guides/fields-parameter)."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor import Descriptor

from localcloud import schema
from localcloud.errors import GoogleError

Tree = dict[str, "Tree"]


def read(fields: str, answer: Descriptor) -> Tree:
    """`fields` (`items(name,id),nextPageToken`, `items/name`, `*`) for answers of this kind.

    Errors: 400 "Invalid field selection" for a name that the answer does not have.
    """
    tokens = re.findall(r"[^,()/\s]+|[,()/]", fields)
    if tokens.count("(") != tokens.count(")") or tokens[-1:] == ["/"]:
        raise _refusal(fields)
    tree, _ = _parse(tokens, 0)
    _check(tree, answer)
    return tree


def select(answer: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """What the fields leave of an answer."""
    found: dict[str, Any] = _pick(answer, tree)
    return found


def _check(tree: Tree, descriptor: Descriptor) -> None:
    if descriptor.full_name.startswith("google.protobuf."):
        return
    known = schema.fields_by_json(descriptor)
    for name, inner in tree.items():
        field = known.get(name)
        if name == "*":
            continue
        if field is None:
            raise _refusal(name)
        if field.message_type is None:
            if inner:
                raise _refusal(f"{name}/{next(iter(inner))}")
        elif field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"].message_type
            for deeper in inner.values() if value is not None else ():
                _check(deeper, value)
        else:
            _check(inner, field.message_type)


def _refusal(selection: str) -> GoogleError:
    text = f"Invalid field selection {selection}"
    return GoogleError("INVALID_ARGUMENT", text, reason="invalidParameter", location="fields")


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
