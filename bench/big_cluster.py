"""A cluster of any size as its apiserver and Compute would list it: pages of JSON in files.

Each node has eight GPUs and ten pods: of nine nodes in ten eight pods with a GPU each, of the tenth two; the rest are
of DaemonSets. A pod is as large as a small one of GKE with its managed fields, about four kilobytes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
NOW = 1_763_720_000.0
STAMP = "2025-11-21T10:00:00Z"
PROJECT, CLUSTER, POOL, ZONE = "acme-gpu", "serving", "h100", "us-central1-a"
PODS, GPUS, PAGE, GROUPS = 10, 8, 500, 5
GPU = "nvidia.com/gpu"


def write(folder: Path, nodes: int) -> None:
    """Pages of nodes and pods, and the members of each group."""
    folder.mkdir(parents=True, exist_ok=True)
    _pages(folder, "nodes", (_node(number) for number in range(nodes)))
    _pages(folder, "pods", (_pod(node, index) for node in range(nodes) for index in range(PODS)))
    for group in range(GROUPS):
        members = [_member(number) for number in range(nodes) if number % GROUPS == group]
        (folder / f"members-{group}.json").write_text(json.dumps(members), "utf-8")


def group_name(number: int) -> str:
    """As GKE calls an instance group."""
    return f"gke-{CLUSTER}-{POOL}-{number:08x}-grp"


def node_name(number: int) -> str:
    """As GKE calls a node."""
    return f"gke-{CLUSTER}-{POOL}-{number % GROUPS:08x}-{number:04d}"


def _pages(folder: Path, kind: str, items: Iterator[Json]) -> None:
    page: list[Json] = []
    number = 0

    def flush(more: bool) -> None:
        nonlocal page, number
        metadata = {"resourceVersion": "1", **({"continue": str(number + 1)} if more else {})}
        body = {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": page}
        (folder / f"{kind}-{number}.json").write_text(json.dumps(body), "utf-8")
        page, number = [], number + 1

    for item in items:
        if len(page) == PAGE:
            flush(True)
        page.append(item)
    flush(False)


def _member(number: int) -> Json:
    path = f"projects/{PROJECT}/zones/{ZONE}/instances/{node_name(number)}"
    return {
        "instance": f"https://www.googleapis.com/compute/v1/{path}", "name": node_name(number), "id": str(number + 1),
        "instanceStatus": "RUNNING", "currentAction": "NONE",
        "version": {"instanceTemplate": f"projects/{PROJECT}/global/instanceTemplates/gke-{CLUSTER}-{POOL}"},
    }  # fmt: skip


def _node(number: int) -> Json:
    labels = {"cloud.google.com/gke-nodepool": POOL, "cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}
    labels |= {f"topology.kubernetes.io/{each}": ZONE for each in ("zone", "region")}
    amounts = {"cpu": "206", "memory": "1800Gi", "pods": "110", GPU: str(GPUS)}
    conditions = [_condition(kind, "True" if kind == "Ready" else "False") for kind in ("DiskPressure", "Ready")]
    images = [{"names": [f"us-docker.pkg.dev/acme/serving/model:{each}"], "sizeBytes": 10**9} for each in range(20)]
    annotations = {"container.googleapis.com/instance_id": str(number + 1)}
    return {
        "metadata": {
            **_metadata(node_name(number), "", number), "labels": labels, "annotations": annotations,
        },
        "spec": {"taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}]},
        "status": {"allocatable": amounts, "capacity": amounts, "conditions": conditions, "images": images},
    }  # fmt: skip


def _pod(node: int, index: int) -> Json:
    with_gpu = index < (GPUS if node % 10 else 2)
    kind = "ReplicaSet" if with_gpu else "DaemonSet"
    pod = copy.deepcopy(_POD)
    pod["metadata"] |= _metadata(f"serving-{node}-{index}", "models", node * PODS + index)
    pod["metadata"]["ownerReferences"][0]["kind"] = kind
    pod["spec"]["nodeName"] = node_name(node)
    if with_gpu:
        pod["spec"]["containers"][0]["resources"] = {"limits": {GPU: "1"}, "requests": {GPU: "1", "cpu": "10"}}
    return pod


def _metadata(name: str, namespace: str, number: int) -> Json:
    where = {"namespace": namespace} if namespace else {}
    return {
        "name": name, **where, "uid": f"00000000-0000-4000-8000-{number:012d}", "resourceVersion": str(number + 1),
        "creationTimestamp": STAMP, "managedFields": _MANAGED,
    }  # fmt: skip


def _condition(kind: str, status: str) -> Json:
    return {"type": kind, "status": status, "lastTransitionTime": STAMP, "lastHeartbeatTime": STAMP, "reason": "r"}


_MANAGED: list[Json] = [
    {
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": STAMP, "fieldsType": "FieldsV1",
        "fieldsV1": {f"f:{part}": {f"f:field-{each}": {} for each in range(15)} for part in ("metadata", "spec")},
    }
    for manager in ("kube-controller-manager", "kubelet")
]  # fmt: skip
_CONTAINER = {
    "name": "main", "image": "us-docker.pkg.dev/acme/serving/model@sha256:" + 64 * "a",
    "imagePullPolicy": "IfNotPresent",
    "env": [{"name": f"VARIABLE_{each}", "value": "value"} for each in range(8)],
    "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}],
    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {},
}  # fmt: skip
_POD: Json = {
    "metadata": {
        "labels": {"app": "serving", "pod-template-hash": "0123456789"},
        "annotations": {"prometheus.io/scrape": "true"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "", "name": "serving", "uid": "u", "controller": True}],
    },
    "spec": {
        "containers": [_CONTAINER], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler", "serviceAccountName": "default", "priority": 0,
        "nodeSelector": {"cloud.google.com/gke-nodepool": POOL},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
        "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
    },
    "status": {
        "phase": "Running", "podIP": "10.0.0.1", "hostIP": "10.128.0.1", "startTime": STAMP,
        "conditions": [_condition(f"{kind}Ready", "True") for kind in ("", "Containers", "Initialized", "Scheduled")],
        "containerStatuses": [
            {"name": "main", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": STAMP}},
             "image": "us-docker.pkg.dev/acme/serving/model", "imageID": "sha256:" + 64 * "b"},
        ],
    },
}  # fmt: skip
