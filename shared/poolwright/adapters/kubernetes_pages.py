"""Pages of the two collections that are large: of each node and pod only what is asked of it is decoded, and the rest
(environments, managed fields, ...) is passed over, so that a cluster of tens of thousands of pods fits into a function.

Shapes: https://kubernetes.io/docs/reference/kubernetes-api/. Where a field is an object of its own it is decoded whole.
"""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec


class _Metadata(TypedDict, total=False):
    name: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]
    ownerReferences: list[Any]
    creationTimestamp: str
    deletionTimestamp: str


class _Resources(TypedDict, total=False):
    requests: dict[str, Any] | None


class _Container(TypedDict, total=False):
    image: str
    imagePullPolicy: str
    restartPolicy: str
    resources: _Resources | None


class _Volume(TypedDict, total=False):
    name: str
    hostPath: Any
    emptyDir: Any


class _Affinity(TypedDict, total=False):
    nodeAffinity: Any


class _PodSpec(TypedDict, total=False):
    nodeName: str
    nodeSelector: dict[str, str]
    containers: list[_Container]
    initContainers: list[_Container] | None
    volumes: list[_Volume] | None
    affinity: _Affinity | None
    tolerations: list[Any] | None


class _Condition(TypedDict, total=False):
    type: str
    status: str
    reason: str
    lastTransitionTime: str | None


class _PodStatus(TypedDict, total=False):
    phase: str
    conditions: list[_Condition]
    nominatedNodeName: str


class _Pod(TypedDict, total=False):
    metadata: _Metadata
    spec: _PodSpec
    status: _PodStatus


class _NodeSpec(TypedDict, total=False):
    unschedulable: bool


class _Image(TypedDict, total=False):
    names: list[str] | None


class _NodeStatus(TypedDict, total=False):
    allocatable: dict[str, Any]
    conditions: list[_Condition]
    images: list[_Image]


class _Node(TypedDict, total=False):
    metadata: _Metadata
    spec: _NodeSpec
    status: _NodeStatus


class _Pods(TypedDict):
    items: list[_Pod]
    metadata: dict[str, Any]


class _Nodes(TypedDict):
    items: list[_Node]
    metadata: dict[str, Any]


PODS = msgspec.json.Decoder(_Pods)
NODES = msgspec.json.Decoder(_Nodes)
