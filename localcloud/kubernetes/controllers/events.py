"""Events that controllers leave on objects, kept an hour as a cluster keeps them."""

from __future__ import annotations

import hashlib
from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.objects import Objects

Json = dict[str, Any]

KEPT_SECONDS = 3600


def record(
    objects: Objects, about: Json, reason: str, message: str, *, component: str, warning: bool = False,
    field: str = "", host: str = "",
) -> None:  # fmt: skip
    """One event; the same one again counts up. `field`: which part of the object; `host`: the node that says so."""
    meta, now = about["metadata"], timestamp(objects.now())
    digest = hashlib.sha256(f"{meta['uid']}/{field}/{reason}/{message}".encode()).hexdigest()[:16]
    namespace, name = meta.get("namespace", "default"), f"{meta['name']}.{digest}"
    kind = objects.kinds.named("events")
    if (old := objects.find(kind, namespace, name)) is not None:
        objects.store.put("events", {**old, "count": old["count"] + 1, "lastTimestamp": now})
        return
    if objects.store.get("namespaces", namespace) is None:
        return
    involved = {
        "apiVersion": about["apiVersion"], "kind": about["kind"], "name": meta["name"], "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
        **({"namespace": meta["namespace"]} if "namespace" in meta else {}),
        **({"fieldPath": field} if field else {}),
    }  # fmt: skip
    objects.store.put("events", {
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace, "uid": digest, "creationTimestamp": now},
        "involvedObject": involved, "reason": reason, "message": message, "type": "Warning" if warning else "Normal",
        "source": {"component": component, **({"host": host} if host else {})},
        "reportingComponent": component, "reportingInstance": host,
        "firstTimestamp": now, "lastTimestamp": now, "count": 1, "eventTime": None,
    })  # fmt: skip
