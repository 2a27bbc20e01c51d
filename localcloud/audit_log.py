"""What a control plane's audit log says: who did what to which resource, and what came of it.

Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Each request once, without its body. Left out: what the control plane's own parts do all the time.
POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "None",
            "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "localcloud"],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, order=True)
class Use:
    """One request. `resource` is `pods` or `pods/eviction`; of a request about no resource it is the path."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    code: int
    agent: str = ""


def read(path: Path) -> list[Use]:
    """All requests so far, oldest first; a watch counts once, when it began."""
    if not path.exists():
        return []
    found: dict[str, Use] = {}
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            event = json.loads(line)
            found.setdefault(event["auditID"], _use(event))
    return list(found.values())


def _use(event: dict[str, Any]) -> Use:
    about = event.get("objectRef") or {}
    resource = "/".join(part for part in (about.get("resource"), about.get("subresource")) if part)
    return Use(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource=resource or event["requestURI"].partition("?")[0],
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        agent=event.get("userAgent", ""),
    )
