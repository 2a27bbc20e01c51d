"""Shapes of an answer: the object itself, its metadata alone, or a Table as kubectl prints it.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes import columns, custom_columns
from localcloud.kubernetes.columns import Column
from localcloud.kubernetes.kinds import Kind

Json = dict[str, Any]

META = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class View:
    """How a client wants to see objects: `shape` from Accept, `include` from includeObject."""

    shape: str
    include: str
    now: float


def shape_object(view: View, kind: Kind, obj: Json) -> Json:
    """One object in the wanted shape."""
    if view.shape == "Table":
        return _table(view, kind, [obj], {"resourceVersion": obj["metadata"].get("resourceVersion", "")})
    if view.shape.startswith("PartialObjectMetadata"):
        return _partial(obj)
    return obj


def shape_list(view: View, kind: Kind, items: list[Json], metadata: Json) -> Json:
    """A list in the wanted shape."""
    if view.shape == "Table":
        return _table(view, kind, items, metadata)
    if view.shape.startswith("PartialObjectMetadata"):
        partial = [_partial(item) for item in items]
        return {"kind": "PartialObjectMetadataList", "apiVersion": META, "metadata": metadata, "items": partial}
    # Items of a list carry no type of their own, except custom ones.
    bare = [{k: v for k, v in i.items() if k not in ("kind", "apiVersion")} for i in items]
    listed = items if kind.custom is not None else bare
    return {"kind": kind.kind + "List", "apiVersion": kind.api_version, "metadata": metadata, "items": listed}


def _partial(obj: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}


def _columns(kind: Kind) -> list[Column]:
    return custom_columns.of_version(kind.custom) if kind.custom is not None else columns.of(kind.key)


def _table(view: View, kind: Kind, items: list[Json], metadata: Json) -> Json:
    shown = _columns(kind)
    rows = []
    for obj in items:
        is_marker = not obj["metadata"].get("name")  # a bookmark has nothing to print
        row: Json = {"cells": [] if is_marker else [column.cell(obj, view.now) for column in shown]}
        if view.include == "Object":
            row["object"] = obj
        elif view.include == "Metadata":
            row["object"] = _partial(obj)
        else:
            row["object"] = None
        rows.append(row)
    definitions = [column.definition() for column in shown]
    return {"kind": "Table", "apiVersion": META, "metadata": metadata, "columnDefinitions": definitions, "rows": rows}
