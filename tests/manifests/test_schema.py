"""The definition in the cluster and the reader in the functions say the same, field by field."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
import yaml

from poolwright.capacity.provisioner import BadProvisioner, Spec, decode
from poolwright.shape import bare
from tests.manifests.examples import BAD, GOOD, provisioner

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = ROOT / "manifests" / "helm" / "poolwright" / "objects" / "nodeprovisioners.yaml"
(VERSION,) = yaml.safe_load(DEFINITION.read_text("utf-8"))["spec"]["versions"]
SCHEMA: dict[str, Any] = VERSION["schema"]["openAPIV3Schema"]["properties"]

# What a type cannot say, and code does, in the reader; the examples show that it does.
BY_CODE = {
    "schedule[].days": {"minItems", "maxItems"},
    "schedule[].timeZone": {"pattern"},
}
# What bounds the cost of the rules, and nothing that anybody writes.
COST = {"pricePerNodeHour": {"maxProperties"}}
SAID_OTHERWISE = {"format", "maxLength", "x-kubernetes-list-type", "x-kubernetes-validations"}


def wanted(kind: Any) -> dict[str, Any]:
    """A type of the reader as OpenAPI says it."""
    base, metas = bare(kind)
    found: dict[str, Any] = {}
    for meta in metas:
        words = {"description": meta.description, "minimum": meta.ge, "maximum": meta.le, "pattern": meta.pattern}
        sizes = {"minItems": meta.min_length, "maxItems": meta.max_length} if get_origin(base) is tuple else {}
        found |= {word: value for word, value in {**words, **sizes}.items() if value is not None}
    origin = get_origin(base)
    if origin in (Union, UnionType):
        (option,) = (each for each in get_args(base) if each is not NoneType)
        return wanted(option) | found
    if origin is Literal:
        return found | {"type": "string", "enum": list(get_args(base))}
    if origin is tuple:
        return found | {"type": "array", "items": wanted(get_args(base)[0])}
    if origin is dict:
        return found | {"type": "object", "additionalProperties": wanted(get_args(base)[1])}
    if isinstance(base, type) and issubclass(base, msgspec.Struct):
        return {"description": base.__doc__} | found | fields(base)
    return found | {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[base]}


def fields(struct: type[msgspec.Struct]) -> dict[str, Any]:
    every = msgspec.structs.fields(struct)
    properties = {}
    for field in every:
        properties[field.encode_name] = wanted(field.type)
        default = (
            msgspec.to_builtins(
                field.default_factory() if field.default is msgspec.NODEFAULT and not field.required else field.default
            )
            if not field.required
            else None
        )
        if isinstance(default, dict):
            default = {}  # in the cluster the fields in it have theirs
        if default is not None:
            properties[field.encode_name]["default"] = list(default) if isinstance(default, tuple) else default
    required = [field.encode_name for field in every if field.required]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def told(schema: dict[str, Any], path: str = "") -> dict[str, Any]:
    """The definition without what the reader says otherwise."""
    hidden = SAID_OTHERWISE | BY_CODE.get(path, set()) | COST.get(path, set())
    found = {key: value for key, value in schema.items() if key not in hidden}
    if "properties" in found:
        found["properties"] = {
            name: told(below, f"{path}.{name}".lstrip(".")) for name, below in found["properties"].items()
        }
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in found:
            found[key] = told(found[key], path + mark)
    return found


def test_fields_defaults_bounds_and_descriptions_are_the_readers() -> None:
    assert told(SCHEMA["spec"]) == wanted(Spec)


def test_a_text_that_the_reader_bounds_is_bounded_in_the_cluster() -> None:
    items = SCHEMA["spec"]["properties"]["existingInstanceGroupNames"]["items"]
    _, metas = bare(get_args(bare(next(iter(msgspec.structs.fields(Spec))).type)[0])[0])
    assert items["maxLength"] == max(meta.max_length or 0 for meta in metas)


def test_every_field_says_what_it_means() -> None:
    silent = []

    def walk(schema: dict[str, Any], path: str) -> None:
        for name, below in schema.get("properties", {}).items():
            if not below.get("description"):
                silent.append(f"{path}.{name}")
            walk(below, f"{path}.{name}")
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    for part in ("spec", "status"):
        walk(SCHEMA[part], part)
    assert silent == []


def test_every_rule_names_its_field_and_what_would_do() -> None:
    rules: list[dict[str, Any]] = []

    def walk(schema: Any) -> None:
        if isinstance(schema, dict):
            rules.extend(schema.get("x-kubernetes-validations", []))
            for below in schema.values():
                walk(below)

    walk(SCHEMA)
    assert rules
    assert [rule for rule in rules if ";" not in rule["message"]] == []
    spec_rules = SCHEMA["spec"]["x-kubernetes-validations"]
    assert [rule for rule in spec_rules if "fieldPath" not in rule] == []


@pytest.mark.parametrize("why", GOOD)
def test_the_reader_takes_a_good_example(why: str) -> None:
    assert decode(provisioner(GOOD[why])).spec.max_nodes == GOOD[why]["maxNodes"]


@pytest.mark.parametrize("why", BAD)
def test_the_reader_refuses_a_bad_example_and_names_the_field(why: str) -> None:
    spec, field = BAD[why]
    with pytest.raises(BadProvisioner) as refused:
        decode(provisioner(spec))
    assert field in str(refused.value)
    assert "kubectl edit nodeprovisioner l4" in str(refused.value)


def test_the_reader_leaves_alone_what_a_newer_definition_may_have() -> None:
    assert decode(provisioner({**GOOD["the least"], "rotation": {"beforeSeconds": 3600}})).spec.min_nodes == 0
