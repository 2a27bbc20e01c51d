"""The modules as python-hcl2 reads them, and what of them is not in the providers' schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[2] / "terraform"
META = {
    "resource": {"for_each", "count", "depends_on", "provider"},
    "data": {"for_each", "count", "depends_on", "provider"},
}
META_BLOCKS = {"lifecycle", "provisioner", "connection"}
_MARKS = ("__is_block__", "__comments__", "__inline_comments__")


@dataclass(frozen=True)
class Declared:
    """A resource or data source: where, which type, under which name, with which body."""

    path: Path
    kind: str
    type: str
    name: str
    body: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}: {self.type}.{self.name}"


def declared(folder: Path = ROOT) -> Iterator[Declared]:
    """All resources and data sources below the folder."""
    for path in sorted(folder.rglob("*.tf")):
        yield from of_text(path.read_text("utf-8"), path)


def of_text(text: str, path: Path = ROOT / "main.tf") -> Iterator[Declared]:
    """Those of one file."""
    read = hcl2.loads(text)
    for kind in ("resource", "data"):
        for block in read.get(kind, []):
            for type_, names in block.items():
                for name, body in names.items() if isinstance(names, dict) else ():
                    yield Declared(path, kind, type_.strip('"'), name.strip('"'), body)


def problems(one: Declared, schemas: Mapping[str, Any]) -> list[str]:
    """What the type's schema does not have, or has and misses; sentences."""
    provider = one.type.partition("_")[0]
    schema = schemas.get(provider, {}).get(one.kind, {}).get(one.type)
    if schema is None:
        return [f"{one}: the provider has no {one.kind} of this type"]
    return [f"{one}: {problem}" for problem in _of_body(one.body, schema, META[one.kind])]


def _of_body(body: Mapping[str, Any], schema: Mapping[str, Any], meta: set[str]) -> Iterator[str]:
    seen = set()
    for name, value in body.items():
        if name in _MARKS or name in meta:
            continue
        if name == "dynamic":
            for each in value:
                for label, inner in each.items():
                    if label in _MARKS:
                        continue
                    seen.add(label.strip('"'))
                    for content in inner["content"]:
                        yield from _of_block(label.strip('"'), [content], schema)
        elif _is_block(value):
            seen.add(name)
            yield from _of_block(name, value, schema) if name not in META_BLOCKS or not meta else ()
        elif name not in schema["arguments"]:
            seen.add(name)
            yield f"no argument {name}" + (" (it is a block)" if name in schema["blocks"] else "")
        else:
            seen.add(name)
            yield from _of_literal(name, value, schema["arguments"][name]["type"])
    for name, each in (schema["arguments"] | schema["blocks"]).items():
        if each["required"] and name not in seen:
            yield f"{name} is missing"


def _of_block(name: str, bodies: list[Mapping[str, Any]], schema: Mapping[str, Any]) -> Iterator[str]:
    if name not in schema["blocks"]:
        yield f"no block {name}"
        return
    if len(bodies) > 1 and not schema["blocks"][name]["many"]:
        yield f"more than one block {name}"
    for body in bodies:
        for problem in _of_body(body, schema["blocks"][name], set()):
            yield f"{name}: {problem}"


def _of_literal(name: str, value: Any, wanted: str) -> Iterator[str]:
    """Of a value that is written out; an expression's type is terraform's to check."""
    if isinstance(value, str) and value.startswith("${"):
        return
    found = {bool: "bool", int: "number", float: "number", str: "string", list: "list", dict: "map"}[type(value)]
    if found != wanted and not (isinstance(value, str) and json.dumps(value) == "null"):
        yield f"{name} is a {found}; it should be a {wanted}"


def _is_block(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "__is_block__" in value[0]
