"""The tables of NodeProvisioner's fields in docs/provisioners.md, from its definition in manifests/.

python tools/provisioner_fields.py      rewrites what stands between the marks
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
DEFINITION = ROOT / "manifests" / "helm" / "poolwright" / "objects" / "nodeprovisioners.yaml"
PAGE = ROOT / "docs" / "provisioners.md"

Json = dict[str, Any]


def with_tables(text: str) -> str:
    """The page with its tables as the definition has them."""
    (version,) = yaml.safe_load(DEFINITION.read_text("utf-8"))["spec"]["versions"]
    parts = version["schema"]["openAPIV3Schema"]["properties"]
    spec = ["| field | meaning | what will do | default |", "|---|---|---|---|"]
    for path, schema, required in _fields(parts["spec"], ""):
        default = "required" if required else _default(schema)
        spec.append(f"| `{path}` | {schema['description']} | {_wanted(schema)} | {default} |")
    status = ["| field | meaning |", "|---|---|"]
    status += [f"| `{path}` | {schema['description']} |" for path, schema, _ in _fields(parts["status"], "")]
    return _put(_put(text, "fields of spec", spec), "fields of status", status)


def _put(text: str, what: str, lines: list[str]) -> str:
    begin, end = f"<!-- {what}: python tools/provisioner_fields.py -->\n", f"<!-- end of {what} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([before + begin.rstrip("\n"), *lines, end + after])


def _fields(schema: Json, before: str) -> Iterator[tuple[str, Json, bool]]:
    """(path, schema, whether it is required) of every field, nested ones after the one that they are in."""
    for name, below in schema["properties"].items():
        path = f"{before}{name}"
        yield path, below, name in schema.get("required", [])
        if "properties" in below:
            yield from _fields(below, f"{path}.")
        if "properties" in below.get("items", {}):
            yield from _fields(below["items"], f"{path}[].")


def _wanted(schema: Json) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kind = schema["type"]
    if kind in ("integer", "number"):
        words = (("at least", "minimum"), ("at most", "maximum"))
        bounds = [f"{word} {schema[key]}" for word, key in words if key in schema]
        return ", ".join([{"integer": "a whole number", "number": "a number"}[kind], *bounds])
    if kind == "array":
        items = schema["items"]
        of = (
            "times of the week" if "properties" in items else f"texts: {_wanted(items)}" if "enum" in items else "texts"
        )
        return f"{schema.get('minItems', 0)} to {schema['maxItems']} {of}"
    if kind == "object":
        return "a number each" if "additionalProperties" in schema else "the fields below"
    return "a text"


def _default(schema: Json) -> str:
    value = schema.get("default")
    if value in (None, [], {}):
        return "none" if "properties" not in schema else ""
    return ", ".join(f"`{each}`" for each in (value if isinstance(value, list) else [value]))


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
