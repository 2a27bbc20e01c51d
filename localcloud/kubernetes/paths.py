"""What a request is about, read from its path.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

_OF_A_NAMESPACE = ("finalize", "status")


@dataclass(frozen=True, slots=True)
class Target:
    """A path under /api or /apis; an empty `name` means the collection."""

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str


def parse(path: str) -> Target | None:
    """The resource a path names; None when it names none (discovery and the like)."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and not (len(rest) == 3 and rest[2] in _OF_A_NAMESPACE):
        namespace, rest = rest[1], rest[2:]
    rest = [*rest, "", ""]
    return Target(group, version, namespace, rest[0], rest[1], rest[2])
