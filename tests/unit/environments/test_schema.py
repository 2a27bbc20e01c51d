"""What editors and readers are told of the fields is what the code takes."""

import json
from pathlib import Path

import msgspec
import pytest

from poolwright.environments import schema

ROOT = Path(__file__).parents[3]
REMEDY = "run python -m poolwright.environments.schema"


def test_the_schema_is_what_the_code_gives() -> None:
    assert (ROOT / schema.SCHEMA).read_text("utf-8") == schema.schema(), REMEDY


def test_the_table_of_fields_is_what_the_code_gives() -> None:
    text = (ROOT / schema.DOCS).read_text("utf-8")

    assert text == schema.with_table(text), REMEDY
    assert "| `rollout.windows[].timeZone` | Name in the IANA database. | `UTC` |" in text


def test_every_field_is_described() -> None:
    described = json.loads(schema.schema())["$defs"]

    assert len(described) > 10
    assert [
        f"{name}.{field}"
        for name, kind in described.items()
        for field, about in kind["properties"].items()
        if not about.get("description")
    ] == []
    assert all(kind["additionalProperties"] is False for kind in described.values())


@pytest.mark.parametrize("name", ["dev", "staging", "production"])
def test_an_editor_finds_the_schema(name: str) -> None:
    first, *_ = (ROOT / "environments" / f"{name}.yaml").read_text("utf-8").splitlines()

    assert first == "# yaml-language-server: $schema=schema.json"


def test_both_are_written(tmp_path: Path) -> None:
    for path in (schema.SCHEMA, schema.DOCS):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text((ROOT / path).read_text("utf-8").replace("required", "outdated"), "utf-8")

    schema.main(tmp_path)

    for path in (schema.SCHEMA, schema.DOCS):
        assert (tmp_path / path).read_text("utf-8") == (ROOT / path).read_text("utf-8")
    assert msgspec.json.decode((tmp_path / schema.SCHEMA).read_bytes())
