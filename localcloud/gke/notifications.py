"""Cluster notifications (https://cloud.google.com/kubernetes-engine/docs/concepts/cluster-notifications).

The message's text is prose; the event is JSON in the attribute `payload`, its type in `type_url`.
"""

from __future__ import annotations

import json
from typing import Any

from localcloud.gke import names
from localcloud.world import World

Json = dict[str, Any]

DEFAULT_TOPIC = "gke-notifications"
TYPES = "type.googleapis.com/google.container.v1beta1."


def topic_of(cluster: Json) -> str:
    """The cluster's topic by its short name, or nothing if it is told to be silent."""
    asked = (cluster.get("notificationConfig") or {}).get("pubsub")
    if asked is None:
        return DEFAULT_TOPIC
    return str(asked.get("topic", "")).rpartition("/")[2] if asked.get("enabled") else ""


def upgrade_started(world: World, cluster: Json, record: Json) -> None:
    """UpgradeEvent, and UpgradeInfoEvent STARTED beside it."""
    plan = record["plan"]
    common = _common(world, record)
    event = common | {"operationStartTime": record["operation"]["startTime"]}
    text = (
        f"GKE is upgrading {_what(record)} of cluster {cluster['name']} in {cluster['location']} "
        f"from version {plan['from']} to {plan['to']}."
    )
    _send(world, cluster, "UpgradeEvent", event, text)
    _upgrade_info(world, cluster, record, "STARTED", "upgrade started.")


def upgrade_ended(world: World, cluster: Json, record: Json) -> None:
    """UpgradeInfoEvent SUCCEEDED or FAILED."""
    failed = record["operation"].get("error") is not None
    _upgrade_info(
        world, cluster, record, *(("FAILED", "upgrade failed.") if failed else ("SUCCEEDED", "upgrade ended."))
    )


def upgrade_available(world: World, cluster: Json, *, version: str, pool: str = "") -> None:
    """UpgradeAvailableEvent for the control plane or a node pool."""
    channel = (cluster.get("releaseChannel") or {}).get("channel", "UNSPECIFIED")
    path = _numbered(world, cluster["_path"] + (f"/nodePools/{pool}" if pool else ""))
    event = {
        "version": version,
        "resourceType": "NODE_POOL" if pool else "MASTER",
        "releaseChannel": {"channel": channel},
        "resource": path,
    }
    _send(world, cluster, "UpgradeAvailableEvent", event, "A new version is available.")


def _upgrade_info(world: World, cluster: Json, record: Json, state: str, words: str) -> None:
    operation = record["operation"]
    event = _common(world, record) | {"startTime": operation["startTime"]}
    if operation.get("endTime"):
        event["endTime"] = operation["endTime"]
    event |= {"state": state, "eventType": "UPGRADE_LIFECYCLE"}
    _send(world, cluster, "UpgradeInfoEvent", event, f"{_what(record).capitalize()} {words}")


def _common(world: World, record: Json) -> Json:
    pool = names.of_path(record["target"]).pool
    return {
        "resourceType": "NODE_POOL" if pool else "MASTER",
        "operation": record["operation"]["name"],
        "currentVersion": record["plan"]["from"],
        "targetVersion": record["plan"]["to"],
        "resource": _numbered(world, record["target"]),
    }


def _what(record: Json) -> str:
    pool = names.of_path(record["target"]).pool
    return f"node pool {pool}" if pool else "the control plane"


def _numbered(world: World, path: str) -> str:
    """Notifications name projects by number."""
    project = names.of_path(path).project
    return path.replace(f"projects/{project}/", f"projects/{names.number_of(project, world)}/", 1)


def _send(world: World, cluster: Json, kind: str, event: Json, text: str) -> None:
    topic = topic_of(cluster)
    if not topic:
        return
    attributes = {
        "project_id": names.number_of(names.of_path(cluster["_path"]).project, world),
        "cluster_name": cluster["name"],
        "cluster_location": cluster["location"],
        "type_url": TYPES + kind,
        "payload": json.dumps(event, separators=(",", ":")),
    }
    world.publish(topic, text.encode(), attributes)
