"""OpenAPI schemas of the built-in kinds, derived from the models of the `kubernetes` Python package.

One form serves all: the schemas answered under /openapi/v3, the decoding of bodies, patches and apply all read
the structures made here, and a CustomResourceDefinition brings its own in the same form.
What the package leaves out, which lists merge and by which key, is `MERGE_KEYS` (from the patchMergeKey and listMapKey
markers of k8s.io/api).
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Any

from pydantic import BaseModel

from localcloud.kubernetes.kinds import Kind

Json = dict[str, Any]

PREFIX = "#/components/schemas/"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
OPEN: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

_CONTAINER_LISTS = {"ports": "containerPort", "env": "name", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}
_STATUS_WITH_CONDITIONS = (
    "DaemonSet", "Deployment", "Job", "Namespace", "Node", "PersistentVolumeClaim", "Pod", "PodDisruptionBudget",
    "ReplicaSet", "ReplicationController", "Service", "StatefulSet",
)  # fmt: skip

# The key of a list that merges by strategic patch; "" stands for a set of plain values. Other lists are replaced whole.
MERGE_KEYS: dict[str, dict[str, str]] = {
    "Container": _CONTAINER_LISTS,
    "EphemeralContainer": _CONTAINER_LISTS,
    "ContainerStatus": {"volumeMounts": "mountPath", "allocatedResourcesStatus": "name"},
    "PodSpec": {
        "volumes": "name", "initContainers": "name", "containers": "name", "ephemeralContainers": "name",
        "imagePullSecrets": "name", "hostAliases": "ip", "topologySpreadConstraints": "topologyKey",
        "schedulingGates": "name", "resourceClaims": "name",
    },
    "ServiceSpec": {"ports": "port"},
    "ServiceAccount": {"secrets": "name"},
    "NodeSpec": {"podCIDRs": ""},
    "CSINodeSpec": {"drivers": "name"},
    "ObjectMeta": {"ownerReferences": "uid", "finalizers": ""},
    **{f"{kind}Status": {"conditions": "type"} for kind in _STATUS_WITH_CONDITIONS},
}  # fmt: skip
MERGE_KEYS["NodeStatus"]["addresses"] = "type"
MERGE_KEYS["PodStatus"] |= {"hostIPs": "ip", "podIPs": "ip", "resourceClaimStatuses": "name"}

# Where apply tells items apart by more than the strategic key.
_LIST_MAP_KEYS = {
    ("Container", "ports"): ["containerPort", "protocol"],
    ("EphemeralContainer", "ports"): ["containerPort", "protocol"],
    ("ServiceSpec", "ports"): ["port", "protocol"],
    ("PodSpec", "topologySpreadConstraints"): ["topologyKey", "whenUnsatisfiable"],
}

# Maps of quantities: the API takes numbers there too and stores strings.
QUANTITY_MAPS = {"limits", "requests", "capacity", "allocatable", "overhead", "hard", "used"}


class Schemas:
    """Named schemas, made as they are asked for; `components` holds those made so far."""

    def __init__(self) -> None:
        self.components: Json = {}

    def of(self, kind: Kind) -> Json:
        """The schema of a kind, to be read through `resolve`."""
        if kind.custom is not None:
            return custom_schema(kind)
        return self._ref(_model(kind.model_name))

    def resolve(self, schema: Json) -> Json:
        """The schema behind a reference."""
        while True:
            schema = schema["allOf"][0] if "allOf" in schema and len(schema["allOf"]) == 1 else schema
            if "$ref" not in schema:
                return schema
            schema = self.components[schema["$ref"].removeprefix(PREFIX)]

    def metadata(self) -> Json:
        """The schema of ObjectMeta."""
        return self.resolve(self._ref(_model("V1ObjectMeta")))

    def _ref(self, model: type[BaseModel]) -> Json:
        name = component_name(model.__name__)
        if name not in self.components:
            self.components[name] = {}  # before its fields: schemas may be recursive
            self.components[name] = self._object(model)
        return {"$ref": PREFIX + name}

    def _object(self, model: type[BaseModel]) -> Json:
        short = component_name(model.__name__).rpartition(".")[2]
        properties: Json = {}
        required: list[str] = []
        for attribute, info in model.model_fields.items():
            name = info.serialization_alias or info.alias or attribute
            schema = self._merging(short, name, self._type(info.annotation))
            if name in QUANTITY_MAPS and "additionalProperties" in schema:
                schema["additionalProperties"] = {"type": "string", "x-poolwright-quantity": True}
            if info.description:
                if "$ref" in schema:
                    schema = {"allOf": [schema]}
                schema["description"] = info.description
            properties[name] = schema
            if info.is_required():
                required.append(name)
        result: Json = {"type": "object", "properties": properties}
        if model.__doc__ and (doc := model.__doc__.partition("Attributes:")[0].strip()):
            result["description"] = doc
        if required:
            result["required"] = required
        return result

    def _merging(self, owner: str, name: str, schema: Json) -> Json:
        merge_key = MERGE_KEYS.get(owner, {}).get(name)
        if merge_key is None or schema.get("type") != "array":
            return schema
        schema["x-kubernetes-patch-strategy"] = "merge"
        if merge_key:
            schema["x-kubernetes-patch-merge-key"] = merge_key
            schema["x-kubernetes-list-type"] = "map"
            schema["x-kubernetes-list-map-keys"] = _LIST_MAP_KEYS.get((owner, name), [merge_key])
        else:
            schema["x-kubernetes-list-type"] = "set"
        return schema

    def _type(self, annotation: Any) -> Json:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return self._type(arguments[0])
        if origin in (typing.Union, types.UnionType):
            return self._union([a for a in arguments if a is not type(None)])
        if origin is list:
            return {"type": "array", "items": self._type(arguments[0])}
        if origin is dict:
            values = arguments[1]
            return dict(OPEN) if values is Any else {"type": "object", "additionalProperties": self._type(values)}
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._ref(annotation)
        return dict(_SCALARS.get(annotation, {"x-kubernetes-preserve-unknown-fields": True}))

    def _union(self, members: list[Any]) -> Json:
        schemas = [self._type(member) for member in members]
        if len(schemas) == 1:
            return schemas[0]
        kinds = {schema.get("type") for schema in schemas}
        if kinds == {"integer", "string"}:
            self.components[_INT_OR_STRING] = {
                "x-kubernetes-int-or-string": True, "format": "int-or-string", "oneOf": schemas,
            }  # fmt: skip
            return {"$ref": PREFIX + _INT_OR_STRING}
        return {"type": "number"} if kinds == {"integer", "number"} else {"x-kubernetes-preserve-unknown-fields": True}


def _scalars() -> dict[Any, Json]:
    from datetime import datetime

    return {
        str: {"type": "string"},
        int: {"type": "integer"},
        bool: {"type": "boolean"},
        float: {"type": "number"},
        datetime: {"type": "string", "format": "date-time"},
    }


_SCALARS = _scalars()


def struct_name(schema: Json) -> str:
    """The type behind a reference: `DeploymentSpec`; empty for a schema without a name."""
    reference = schema.get("$ref") or (schema.get("allOf") or [{}])[0].get("$ref") or ""
    return str(reference).rpartition(".")[2]


def component_name(model: str) -> str:
    """`V1PodSpec` -> `io.k8s.v1.PodSpec`: kubectl shows the last part."""
    for prefix in ("Core", "Events", "Discovery", "Storage", "Admissionregistration"):
        if model.startswith(prefix + "V"):
            model = model.removeprefix(prefix)
    version, rest = "v1", model
    if model[:1] == "V" and model[1:2].isdigit():
        cut = next(i for i in range(2, len(model)) if model[i].isupper())
        version, rest = model[:cut].lower(), model[cut:]
    return f"io.k8s.{version}.{rest}"


@cache
def _model(name: str) -> type[BaseModel]:
    from kubernetes.client import models  # some 0.3 s, and only where a schema is needed

    return typing.cast("type[BaseModel]", getattr(models, name))


def custom_schema(kind: Kind) -> Json:
    """The schema a definition gives for one version, with the fields every object has."""
    assert kind.custom is not None
    schema = dict((kind.custom.get("schema") or {}).get("openAPIV3Schema") or OPEN)
    properties = dict(schema.get("properties") or {})
    properties["apiVersion"] = properties["kind"] = {"type": "string"}
    properties["metadata"] = dict(OPEN)
    return {**schema, "properties": properties}
