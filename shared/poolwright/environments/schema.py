"""The fields of an environment file for editors and readers: `python -m poolwright.environments.schema` writes
environments/schema.json and the table of docs/environments.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from poolwright.environments.environment import Environment
from poolwright.shape import bare

SCHEMA = Path("environments/schema.json")
DOCS = Path("docs/environments.md")
_BEGIN, _END = "<!-- fields: python -m poolwright.environments.schema -->\n", "<!-- end of fields -->"


def schema() -> str:
    """The JSON Schema (https://json-schema.org/draft/2020-12)."""
    made = msgspec.json.schema(Environment)
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "poolwright environment", **made}
    return json.dumps(_brief(made), indent=2) + "\n"


def with_table(text: str) -> str:
    """docs/environments.md with its table as the code has it."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = "".join(f"| `{path}` | {meaning} | {default} |\n" for path, meaning, default in _rows(Environment, ""))
    return f"{before}{_BEGIN}| field | meaning | default |\n|---|---|---|\n{rows}{_END}{after}"


def _brief(made: Any) -> Any:
    """Without the defaults of nested fields, which each of them says itself; a docstring as one line, as the lines that
    it has differ from one Python to the next."""
    if isinstance(made, str):
        return " ".join(made.split())
    if isinstance(made, list):
        return [_brief(item) for item in made]
    if not isinstance(made, dict):
        return made
    return {key: _brief(value) for key, value in made.items() if key != "default" or not isinstance(value, dict)}


def _rows(kind: Any, before: str) -> Iterator[tuple[str, str, str]]:
    """(path, meaning, default) of every field, nested ones after the one that they are in."""
    for field in msgspec.structs.fields(kind):
        path = f"{before}{field.encode_name}"
        nested, repeated = _nested(field.type)
        meaning = next((meta.description for meta in bare(field.type)[1] if meta.description), "")
        choices = _choices(field.type)
        if not nested or repeated or field.required:
            yield path, f"{meaning}{choices}", _default(field)
        if nested:
            yield from _rows(nested, f"{path}{'[]' if repeated else ''}.")


def _nested(kind: Any) -> tuple[Any, bool]:
    """The struct in a type, and whether there is a list of it."""
    base = bare(kind)[0]
    if isinstance(base, type) and issubclass(base, msgspec.Struct):
        return base, False
    for argument in get_args(base):
        if (found := _nested(argument)[0]) is not None:
            return found, get_origin(base) is tuple
    return None, False


def _choices(kind: Any) -> str:
    base = bare(kind)[0]
    values = [value for value in get_args(base) if isinstance(value, str)]
    return f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value in (None, "", (), {}):
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main(root: Path) -> None:
    """Write both files."""
    (root / SCHEMA).write_text(schema(), "utf-8")
    (root / DOCS).write_text(with_table((root / DOCS).read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path.cwd())
