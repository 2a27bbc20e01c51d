"""Audit log entries of GKE's long-running operations, as a log sink delivers them to Pub/Sub.

One entry with `operation.first` when the operation begins, one with `operation.last` when it ends
(https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging).
"""

from __future__ import annotations

import json
from typing import Any

from localcloud.gke import names
from localcloud.world import World

Json = dict[str, Any]

TOPIC = "gke-audit"
SERVICE = "container.googleapis.com"
PUBLIC = "google.container.v1.ClusterManager"
INTERNAL = "google.container.internal.ClusterManagerInternal"


def publish(world: World, record: Json, *, first: bool) -> None:
    """Say that the record's operation began or ended."""
    now = world.simulation.timestamp()
    entry = {
        "protoPayload": _payload(record, first=first),
        "insertId": f"{world.simulation.random.getrandbits(60):x}"[:12],
        "resource": _resource(record),
        "timestamp": now,
        "severity": "ERROR" if record["operation"].get("error") else "NOTICE",
        "logName": f"projects/{names.of_path(record['target']).project}/logs/cloudaudit.googleapis.com%2Factivity",
        "operation": {
            "id": record["operation"]["name"],
            "producer": SERVICE,
            "first" if first else "last": True,
        },
        "receiveTimestamp": now,
    }
    attributes = {"logging.googleapis.com/timestamp": now}
    world.publish(TOPIC, json.dumps(entry).encode(), attributes)


def _payload(record: Json, *, first: bool) -> Json:
    operation, internal = record["operation"], record["method"].startswith(INTERNAL)
    payload: Json = {"@type": "type.googleapis.com/google.cloud.audit.AuditLog"}
    if not internal:
        payload["authenticationInfo"] = {"principalEmail": record["principal"]}
    payload |= {
        "requestMetadata": {} if internal else {"callerIp": "203.0.113.9", "callerSuppliedUserAgent": record["caller"]},
        "serviceName": SERVICE,
        "methodName": record["method"],
        "resourceName": record["target"],
        "resourceLocation": {"currentLocations": [operation["location"]]},
    }
    if internal:
        payload["metadata"] = {"operationType": operation["operationType"]}
    elif first:
        method = record["method"].rpartition(".")[2]
        payload["request"] = {"@type": f"type.googleapis.com/google.container.v1.{method}Request", **record["request"]}
        payload["response"] = {
            "@type": "type.googleapis.com/google.container.v1.Operation",
            **{key: operation[key] for key in ("name", "operationType", "status", "targetLink")},
        }
    if operation.get("error"):
        payload["status"] = operation["error"]
    return payload


def _resource(record: Json) -> Json:
    target = names.of_path(record["target"])
    labels = {"project_id": target.project, "location": target.location, "cluster_name": target.cluster}
    if not target.pool:
        return {"type": "gke_cluster", "labels": labels}
    return {"type": "gke_nodepool", "labels": labels | {"nodepool_name": target.pool}}
