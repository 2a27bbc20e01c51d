"""Discovery: what the server serves, in the aggregated and in the older form.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from localcloud.kubernetes.bodies import Accepted, parse_accept
from localcloud.kubernetes.kinds import Kind, Kinds

Json = dict[str, Any]

DISCOVERY_GROUP = "apidiscovery.k8s.io"

# Subresources that take an object of another kind than their own resource's.
_OTHER_KINDS = {
    "binding": ("", "v1", "Binding"), "eviction": ("policy", "v1", "Eviction"),
    "scale": ("autoscaling", "v1", "Scale"), "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "attach": ("", "v1", "PodAttachOptions"), "exec": ("", "v1", "PodExecOptions"),
    "portforward": ("", "v1", "PodPortForwardOptions"),
}  # fmt: skip
_VERBS = {
    "binding": ["create"], "eviction": ["create"], "token": ["create"], "log": ["get"], "finalize": ["update"],
    "attach": ["create", "get"], "exec": ["create", "get"], "portforward": ["create", "get"],
}  # fmt: skip


def aggregated_form(accept: str) -> Accepted | None:
    """The aggregated form a client asks for, if it does."""
    for accepted in parse_accept(accept):
        parameters = accepted.parameters
        if accepted.shape == "APIGroupDiscoveryList" and parameters.get("g") == DISCOVERY_GROUP:
            return accepted if parameters.get("v") in ("v2", "v2beta1") else None
    return None


def groups_of(kinds: Kinds) -> dict[str, dict[str, list[Kind]]]:
    """Kinds by group and version, in the order they are served."""
    found: dict[str, dict[str, list[Kind]]] = {}
    for kind in kinds.every():
        found.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return found


def aggregated(kinds: Kinds, *, core: bool, version: str) -> Json:
    """APIGroupDiscoveryList: of the core group for /api, of the others for /apis."""
    items = []
    for group, versions in groups_of(kinds).items():
        if (group == "") is not core:
            continue
        listed = [
            {"version": name, "resources": [_aggregated_resource(k) for k in of], "freshness": "Current"}
            for name, of in versions.items()
        ]
        metadata: Json = {"creationTimestamp": None, **({"name": group} if group else {})}
        items.append({"metadata": metadata, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList", "apiVersion": f"{DISCOVERY_GROUP}/{version}", "metadata": {}, "items": items,
    }  # fmt: skip


def _aggregated_resource(kind: Kind) -> Json:
    resource: Json = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        resource["shortNames"] = list(kind.short_names)
    if kind.categories:
        resource["categories"] = list(kind.categories)
    if kind.subresources:
        resource["subresources"] = [_aggregated_subresource(kind, name) for name in kind.subresources]
    return resource


def _aggregated_subresource(kind: Kind, name: str) -> Json:
    group, version, other = _OTHER_KINDS.get(name, (kind.group, kind.version, kind.kind))
    verbs = _VERBS.get(name, ["get", "patch", "update"])
    return {"subresource": name, "responseKind": {"group": group, "version": version, "kind": other}, "verbs": verbs}


def core_versions(address: str) -> Json:
    """/api of the older form."""
    return {
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }  # fmt: skip


def group_list(kinds: Kinds) -> Json:
    """/apis of the older form."""
    groups = [_group(name, list(versions)) for name, versions in groups_of(kinds).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(kinds: Kinds, name: str) -> Json | None:
    """/apis/GROUP."""
    versions = groups_of(kinds).get(name) if name else None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, list(versions))} if versions else None


def _group(name: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(kinds: Kinds, group_name: str, version: str) -> Json | None:
    """/api/v1 and /apis/GROUP/VERSION."""
    found = groups_of(kinds).get(group_name, {}).get(version)
    if found is None:
        return None
    api_version = found[0].api_version
    resources = [resource for kind in found for resource in _resources(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def _resources(kind: Kind) -> list[Json]:
    digest = hashlib.sha256(kind.key.encode()).digest()[:8]
    main: Json = {
        "name": kind.plural, "singularName": kind.singular_name, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": list(kind.verbs), "storageVersionHash": base64.b64encode(digest).decode(),
    }  # fmt: skip
    if kind.short_names:
        main["shortNames"] = list(kind.short_names)
    if kind.categories:
        main["categories"] = list(kind.categories)
    return [main, *(_subresource(kind, name) for name in kind.subresources)]


def _subresource(kind: Kind, name: str) -> Json:
    group_name, version, other = _OTHER_KINDS.get(name, (kind.group, kind.version, kind.kind))
    entry: Json = {
        "name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": other,
        "verbs": _VERBS.get(name, ["get", "patch", "update"]),
    }  # fmt: skip
    if (group_name, version) != (kind.group, kind.version):
        entry["group"], entry["version"] = group_name, version
    return entry
