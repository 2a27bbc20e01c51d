"""Something happened to a node pool: `NodePoolChanged`, from either of two sources.

- the admin activity audit log through a sink (https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging):
  the `last` entry of a long-running operation on a cluster or a node pool
- GKE cluster notifications (https://cloud.google.com/kubernetes-engine/docs/concepts/cluster-notifications):
  prose as data, the event as JSON in the attribute `payload`, its type in `type_url`

Both are hints. A method we do not know means: look at the pool again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from poolwright.events.envelope import Message
from poolwright.events.reading import glance, json_object, shaped
from poolwright.verdicts import Irrelevant, Refused

_RESOURCES = frozenset({"gke_nodepool", "gke_cluster"})
# After these there is nothing left to look at. All other methods, also those of GKE's internal service, may have
# changed a group.
_ENDINGS = ("DeleteNodePool", "DeleteCluster", "DeleteNodePoolInternal", "DeleteClusterInternal")
_AUDIT_REMEDY = "Check the filter of the log sink: it should pass GKE's audit entries whose operation.last is true"
_NOTIFICATION_REMEDY = "Only GKE should publish cluster notifications: check who holds the publisher role on the topic"


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePoolChanged:
    """An operation on a node pool ended, well or not.

    `project` is an id or a number (notifications know the number alone). `pool` is None where the operation was one
    on the whole cluster. `method` is the bare name, such as CreateNodePool, or UpgradeNodePool for a notification.
    """

    message_id: str
    publish_time: datetime
    subscription: str
    project: str
    location: str
    cluster: str
    pool: str | None
    method: str
    operation: str
    how: Literal["audit", "notification"]
    failed: bool


def decode(message: Message) -> NodePoolChanged:
    """Raises `Irrelevant` for everything that is no end of an operation on nodes, `Refused` for malformed messages."""
    if "type_url" in message.attributes:
        return _notification(message)
    return _audit_entry(message)


class _Status(TypedDict):
    code: NotRequired[int]


class _AuditLog(TypedDict):
    methodName: str
    resourceName: NotRequired[str]
    status: NotRequired[_Status]


class _Resource(TypedDict):
    type: str
    labels: NotRequired[dict[str, str]]


class _Operation(TypedDict):
    id: str
    last: bool


class _Entry(TypedDict):
    protoPayload: _AuditLog
    resource: _Resource
    operation: _Operation


def _audit_entry(message: Message) -> NodePoolChanged:
    body = json_object(
        message.data,
        where="message.data",
        remedy=_AUDIT_REMEDY + "; cluster notifications need a push that is not unwrapped",
    )
    kind = glance(body, "resource", "type")
    if isinstance(kind, str) and kind not in _RESOURCES:
        raise Irrelevant(f"an entry about {kind} is not about node pools")
    if "operation" not in body or glance(body, "operation", "last") in (None, False):
        raise Irrelevant("the operation goes on, or there is none")
    entry = shaped(body, _Entry, remedy=_AUDIT_REMEDY)
    audit = entry["protoPayload"]
    method = audit["methodName"].rpartition(".")[2]
    if method in _ENDINGS:
        raise Irrelevant(f"after {method} there is nothing to look at")
    place = _named(audit.get("resourceName", "")) | _labelled(entry["resource"].get("labels", {}))
    return NodePoolChanged(
        message_id=message.id,
        publish_time=message.publish_time,
        subscription=message.subscription,
        project=_required(place, "project"),
        location=_required(place, "location"),
        cluster=_required(place, "cluster"),
        pool=place.get("pool"),
        method=method,
        operation=entry["operation"]["id"],
        how="audit",
        failed=audit.get("status", {}).get("code", 0) != 0,
    )


def _labelled(labels: dict[str, str]) -> dict[str, str]:
    names = {"project_id": "project", "location": "location", "cluster_name": "cluster", "nodepool_name": "pool"}
    return {ours: labels[theirs] for theirs, ours in names.items() if labels.get(theirs)}


def _named(resource: str) -> dict[str, str]:
    """The places in `projects/P/locations/L/clusters/C/nodePools/N`; older entries say `zones` for `locations`."""
    names = {
        "projects": "project",
        "locations": "location",
        "zones": "location",
        "clusters": "cluster",
        "nodePools": "pool",
    }
    parts = resource.split("/")
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return {names[collection]: name for collection, name in pairs if collection in names and name}


def _required(place: dict[str, str], name: str) -> str:
    if name not in place:
        raise Refused("protoPayload.resourceName", f"names no {name}, nor does a label of the resource", _AUDIT_REMEDY)
    return place[name]


class _UpgradeInfo(TypedDict):
    resource: NotRequired[str]
    operation: NotRequired[str]


def _notification(message: Message) -> NodePoolChanged:
    """An UpgradeInfoEvent. Its states are those of google.container.v1beta1.UpgradeInfoEvent.State."""
    attributes = message.attributes
    kind = attributes["type_url"].rpartition(".")[2]
    if kind != "UpgradeInfoEvent":
        raise Irrelevant(f"a notification of type {kind} says nothing of an upgrade's end")
    place = "message.attributes.payload"
    payload: dict[str, Any] = json_object(attributes.get("payload", ""), where=place, remedy=_NOTIFICATION_REMEDY)
    if payload.get("resourceType") != "NODE_POOL":
        raise Irrelevant("the notification is not about a node pool")
    if payload.get("state") not in ("SUCCEEDED", "FAILED", "CANCELED"):
        raise Irrelevant("the notification says nothing of an upgrade's end")
    upgrade = shaped(payload, _UpgradeInfo, remedy=_NOTIFICATION_REMEDY, under=place)
    for name in ("project_id", "cluster_location", "cluster_name"):
        if not attributes.get(name):
            raise Refused(f"message.attributes.{name}", "is missing", _NOTIFICATION_REMEDY)
    return NodePoolChanged(
        message_id=message.id,
        publish_time=message.publish_time,
        subscription=message.subscription,
        project=attributes["project_id"],
        location=attributes["cluster_location"],
        cluster=attributes["cluster_name"],
        pool=_named(upgrade.get("resource", "")).get("pool"),
        method="UpgradeNodePool",
        operation=upgrade.get("operation", ""),
        how="notification",
        failed=payload["state"] != "SUCCEEDED",
    )
