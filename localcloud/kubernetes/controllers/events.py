"""Events that controllers leave on objects, kept an hour as a cluster keeps them."""

from __future__ import annotations

import hashlib
from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.objects import Objects

Json = dict[str, Any]

KEPT_SECONDS = 3600


def event(
    about: Json, reason: str, message: str, *, now: float, component: str, warning: bool = False, field: str = "",
    host: str = "",
) -> Json:  # fmt: skip
    """One event; the same one again has the same name. `field`: which part of the object; `host`: whose node."""
    meta, at = about["metadata"], timestamp(now)
    digest = hashlib.sha256(f"{meta['uid']}/{field}/{reason}/{message}".encode()).hexdigest()[:16]
    involved = {
        "apiVersion": about["apiVersion"], "kind": about["kind"], "name": meta["name"], "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
        **({"namespace": meta["namespace"]} if "namespace" in meta else {}),
        **({"fieldPath": field} if field else {}),
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{digest}", "namespace": meta.get("namespace", "default")},
        "involvedObject": involved, "reason": reason, "message": message, "type": "Warning" if warning else "Normal",
        "source": {"component": component, **({"host": host} if host else {})},
        "reportingComponent": component, "reportingInstance": host,
        "firstTimestamp": at, "lastTimestamp": at, "count": 1, "eventTime": None,
    }  # fmt: skip


def record(
    objects: Objects, about: Json, reason: str, message: str, *, component: str, warning: bool = False,
    field: str = "", host: str = "",
) -> None:  # fmt: skip
    """Store an event; the same one again counts up."""
    fresh = event(
        about, reason, message, now=objects.now(), component=component, warning=warning, field=field, host=host
    )
    meta, now = fresh["metadata"], fresh["lastTimestamp"]
    kind = objects.kinds.named("events")
    if (old := objects.find(kind, meta["namespace"], meta["name"])) is not None:
        objects.store.put("events", {**old, "count": old["count"] + 1, "lastTimestamp": now})
        return
    if objects.store.get("namespaces", meta["namespace"]) is None:
        return
    given = {"uid": meta["name"].rpartition(".")[2], "creationTimestamp": now}
    objects.store.put("events", {**fresh, "metadata": {**meta, **given}})
