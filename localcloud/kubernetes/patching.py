"""PATCH requests: the patch read by its media type, the object changed and stored."""

from __future__ import annotations

import copy
from typing import Any

from localcloud.kubernetes import errors
from localcloud.kubernetes.apply import apply
from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.kinds import Kind
from localcloud.kubernetes.managed import Stamp
from localcloud.kubernetes.objects import Objects, Options, metadata_of
from localcloud.kubernetes.patches import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    StrategicMerge,
    json_patch,
    merge_patch,
)

Json = dict[str, Any]


def media_types(kind: Kind) -> list[str]:
    """Patches a kind takes: strategic ones need a built-in type."""
    strategic = [STRATEGIC_PATCH] if kind.custom is None else []
    return [JSON_PATCH, MERGE_PATCH, APPLY_PATCH, *strategic]


def patch(
    objects: Objects, kind: Kind, *, namespace: str, name: str, body: Any, media: str, options: Options
) -> tuple[Json, bool]:
    """The patched object and whether it is new (an apply may create)."""
    if media == APPLY_PATCH:
        return _apply(objects, kind, namespace=namespace, name=name, body=body, options=options)
    old = objects.get(kind, namespace, name)
    if media == JSON_PATCH:
        new = json_patch(old, body)
    elif not isinstance(body, dict):
        raise errors.bad_request("error decoding patch: a merge patch is an object")
    elif media == MERGE_PATCH:
        new = merge_patch(old, body)
    else:
        new = StrategicMerge(objects.schemas)(objects.schemas.of(kind), old, body)
    # An unchanged version would conflict with nobody; a patch carries one only to be checked.
    meta = metadata_of(new)
    if meta.get("resourceVersion") == old["metadata"]["resourceVersion"]:
        new = {**new, "metadata": {**meta, "resourceVersion": ""}}
    return objects.change(kind, old, objects.decoded(kind, new, options), options), False


def _apply(
    objects: Objects, kind: Kind, *, namespace: str, name: str, body: Any, options: Options
) -> tuple[Json, bool]:
    if not isinstance(body, dict):
        raise errors.bad_request("error decoding YAML: an apply configuration is an object")
    if not options.manager:
        problem = errors.required("fieldManager", "is required for apply patch")
        raise errors.invalid("meta.k8s.io", "PatchOptions", "", [problem])
    meta = metadata_of(body)
    if meta.get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    if meta.get("name", name) != name:
        raise errors.bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
    applied = objects.decoded(kind, copy.deepcopy({**body, "metadata": {**meta, "name": name}}), options)
    applied["metadata"].pop("creationTimestamp", None)
    stamp = Stamp(kind.api_version, timestamp(objects.now()), options.subresource)
    live = objects.find(kind, namespace, name)
    if live is None and options.subresource:
        raise errors.not_found(kind.group, kind.plural, name)
    merged = apply(
        objects.schemas, objects.schemas.of(kind), live or {}, applied,
        manager=options.manager, force=options.force, stamp=stamp,
    )  # fmt: skip
    unnamed = Options(dry_run=options.dry_run, validation="Ignore", subresource=options.subresource)
    if live is None:
        return objects.create(kind, namespace, merged, unnamed), True
    return objects.change(kind, live, merged, unnamed), False
