"""OpenAPI v3 documents, one a group and version, as kubectl explain, apply and create read them; v2 beside them.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from localcloud.kubernetes.discovery import groups_of
from localcloud.kubernetes.kinds import Kind, Kinds
from localcloud.kubernetes.patches import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from localcloud.kubernetes.schema import PREFIX, Schemas, component_name

Json = dict[str, Any]

PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")


def index(kinds: Kinds) -> Json:
    """/openapi/v3: where each document is; the hash changes when the kinds of a group do."""
    paths = {}
    for group, versions in groups_of(kinds).items():
        for version, served in versions.items():
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            told = json.dumps([(kind.plural, kind.custom) for kind in served], sort_keys=True).encode()
            digest = hashlib.sha256(told).hexdigest()[:32].upper()
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": paths}


def document(schemas: Schemas, kinds: Kinds, path: str, release: str) -> Json | None:
    """The document of `api/v1` or `apis/GROUP/VERSION`; None for a group that is not served."""
    _, group, version = ["", "", *path.split("/")[1:]][-3:] if path.startswith("api/") else path.split("/")
    served = groups_of(kinds).get(group, {}).get(version)
    if not served:
        return None
    components: Json = {}
    paths: Json = {}
    for kind in served:
        name = _component(schemas, kind, components)
        paths |= _paths(kind, f"/{path}", {"$ref": PREFIX + name})
    return {
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": release}, "paths": paths,
        "components": {"schemas": components},
    }  # fmt: skip


def swagger(schemas: Schemas, kinds: Kinds, release: str) -> Json:
    """/openapi/v2, for clients that still read it: the same schemas and paths, in JSON alone."""
    definitions: Json = {}
    paths: Json = {}
    for place in index(kinds)["paths"]:
        part = document(schemas, kinds, place, release)
        assert part is not None
        definitions |= part["components"]["schemas"]
        paths |= part["paths"]
    whole = {
        "swagger": "2.0", "info": {"title": "Kubernetes", "version": release}, "paths": paths,
        "definitions": definitions,
    }  # fmt: skip
    renamed: Json = json.loads(json.dumps(whole).replace(PREFIX, "#/definitions/"))
    return renamed


def _component(schemas: Schemas, kind: Kind, components: Json) -> str:
    schema = schemas.of(kind)
    if kind.custom is not None:
        name = ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])
        metadata = component_name("V1ObjectMeta")
        schemas.metadata()
        properties = {**schema["properties"], "metadata": {"$ref": PREFIX + metadata}}
        components[name] = {**schema, "properties": properties, **_types(kind)}
        _reach(schemas, metadata, components)
        return name
    name = schema["$ref"].removeprefix(PREFIX)
    _reach(schemas, name, components)
    components[name] = {**components[name], **_types(kind)}
    return str(name)


def _types(kind: Kind) -> Json:
    return {"x-kubernetes-group-version-kind": [_gvk(kind)]}


def _gvk(kind: Kind) -> Json:
    return {"group": kind.group, "kind": kind.kind, "version": kind.version}


def _reach(schemas: Schemas, name: str, components: Json) -> None:
    """Add a component and all it refers to."""
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at not in components:
            components[at] = schemas.components[at]
            waiting += _references(components[at])


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix(PREFIX)] if isinstance(schema.get("$ref"), str) else []
    return own + [name for item in schema.values() for name in _references(item)]


def _paths(kind: Kind, base: str, schema: Json) -> Json:
    body = {"application/json": {"schema": schema}}
    answer = {"responses": {"200": {"description": "OK", "content": body}}}
    typed = {"x-kubernetes-group-version-kind": _gvk(kind)}
    parameters = [{"name": p, "in": "query", "schema": {"type": "string"}} for p in _WRITE_PARAMETERS]

    def operation(action: str, content: Json | None = None) -> Json:
        made: Json = {"x-kubernetes-action": action, **typed, **answer}
        if content is not None:
            made |= {"requestBody": {"content": content}, "parameters": parameters}
        return made

    patches = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH, *([STRATEGIC_PATCH] if kind.custom is None else [])]
    item = {
        "get": operation("get"),
        "put": operation("put", body),
        "patch": operation("patch", {media: {"schema": {"type": "object"}} for media in patches}),
        "delete": operation("delete"),
    }
    collection = {"get": operation("list"), "post": operation("post", body)}
    root = f"{base}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{base}/{kind.plural}"
    paths: Json = {root: collection, f"{root}/{{name}}": item}
    if kind.has("status"):
        paths[f"{root}/{{name}}/status"] = {key: item[key] for key in ("get", "put", "patch")}
    return paths
