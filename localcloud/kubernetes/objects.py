"""Create, read, change and delete: what every way into the API shares, HTTP and simulation alike.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localcloud.kubernetes import defaults, errors, managed, rules
from localcloud.kubernetes.clock import seconds, timestamp
from localcloud.kubernetes.decoding import decode
from localcloud.kubernetes.kinds import CRD_KEY, Kind, Kinds
from localcloud.kubernetes.schema import Schemas
from localcloud.kubernetes.selectors import Test, everything
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.validation import default, missing, validate

Json = dict[str, Any]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_GENERATION_GROUPS = {"apps", "batch", "policy", "apiextensions.k8s.io", "autoscaling"}
LASTING_NAMESPACES = ("default", "kube-public", "kube-system")
CRD_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a write. `validation` is the fieldValidation parameter: Strict, Warn or Ignore."""

    dry_run: bool = False
    manager: str = ""
    validation: str = "Warn"
    force: bool = False
    subresource: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deletion:
    """DeleteOptions; `grace` in seconds, None for the object's own."""

    dry_run: bool = False
    grace: int | None = None
    propagation: str = "Background"
    uid: str = ""
    version: str = ""


class Objects:
    """The verbs on stored objects. Objects given in are copied; those given out are stored: do not change them."""

    def __init__(self, *, store: Store, kinds: Kinds, schemas: Schemas, now: Callable[[], float]) -> None:
        self.store = store
        self.kinds = kinds
        self.schemas = schemas
        self.now = now

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """One object, in the kind's version; 404 when there is none."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise errors.not_found(kind.group, kind.plural, name)
        return found

    def find(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """One object, or None."""
        found = self.store.get(kind.key, f"{namespace}/{name}" if kind.namespaced else name)
        return versioned(kind, found) if found is not None else None

    def select(self, kind: Kind, namespace: str = "", test: Test = everything) -> list[Json]:
        """Objects of a kind in the order of their addresses; an empty namespace means all."""
        table = self.store.table(kind.key)
        prefix = f"{namespace}/" if namespace and kind.namespaced else ""
        found = (table[where] for where in sorted(table) if where.startswith(prefix))
        return [versioned(kind, obj) for obj in found if test(obj)]

    def create(self, kind: Kind, namespace: str, body: Json, options: Options = Options()) -> Json:
        """Store a new object; 404 without its namespace, 409 when it exists, 422 when it breaks a rule."""
        obj = self.decoded(kind, body, options)
        meta = self._first_metadata(kind, namespace, obj)
        if kind.namespaced:
            self._require_namespace(kind, namespace, meta.get("name", ""))
        obj["metadata"] = meta
        self._refuse(kind, obj, list(rules.metadata(kind, meta)))
        if self.store.get(kind.key, _where(kind, meta)) is not None:
            raise errors.already_exists(kind.group, kind.plural, meta["name"])
        if kind.custom is None:
            self._refuse(kind, obj, rules.spelled_out(kind, missing(self.schemas, self.schemas.of(kind), obj)))
        self._complete(kind, obj)
        if kind.has("status") and kind.key != "nodes":
            obj.pop("status", None)
            if (first := defaults.first_status(kind.key, obj, self.now())) is not None:
                obj["status"] = first
        self._refuse(kind, obj, self._problems(kind, obj))
        self._record(kind, {}, obj, options)
        return obj if options.dry_run else self.store.put(kind.key, obj)

    def replace(self, kind: Kind, namespace: str, name: str, body: Json, options: Options = Options()) -> Json:
        """Update by whole; 409 when `resourceVersion` is stale."""
        meta = metadata_of(body)
        given = meta.get("name")
        if given and given != name:
            raise errors.bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        old = self.get(kind, namespace, name)
        if kind.custom is not None and not meta.get("resourceVersion"):
            problem = errors.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise errors.invalid(kind.group, kind.kind, name, [problem])
        return self.change(kind, old, self.decoded(kind, body, options), options)

    def change(self, kind: Kind, old: Json, new: Json, options: Options = Options()) -> Json:
        """Store `new` over `old`: checks, defaults, generation; nothing is written when nothing changed."""
        name = old["metadata"]["name"]
        new = copy.deepcopy(new)
        new["metadata"] = self._kept_metadata(kind, old, new.get("metadata") or {})
        if options.subresource == "status":
            new = self._status_only(kind, old, new)
        elif kind.has("status"):
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        if kind.custom is None:
            self._refuse(kind, new, missing(self.schemas, self.schemas.of(kind), new))
        self._complete(kind, new)
        self._refuse(kind, new, [*rules.metadata(kind, new["metadata"]), *rules.changed(kind, old, new)])
        self._refuse(kind, new, self._problems(kind, new))
        new["metadata"]["generation"] = self._generation(kind, old, new)
        if new["metadata"]["generation"] is None:
            del new["metadata"]["generation"]
        if new == old:
            return old
        self._record(kind, old, new, options)
        if options.dry_run:
            return new
        if self._is_over(new):
            return self.store.remove(kind.key, new)
        if self.store.get(kind.key, _where(kind, old["metadata"])) is None:
            raise errors.not_found(kind.group, kind.plural, name)
        return self.store.put(kind.key, new)

    def delete(self, kind: Kind, namespace: str, name: str, deletion: Deletion = Deletion()) -> tuple[Json, bool]:
        """Begin or do the removal; returns the object and whether it is gone."""
        obj = self.get(kind, namespace, name)
        if kind.key == "namespaces" and name in LASTING_NAMESPACES:
            raise errors.forbidden("", "namespaces", name, "this namespace may not be deleted")
        self._check_preconditions(kind, obj, deletion)
        meta = dict(obj["metadata"])
        finalizers = [f for f in meta.get("finalizers") or () if f not in ("orphan", "foregroundDeletion")]
        if deletion.propagation in ("Foreground", "Orphan"):
            finalizers.append("foregroundDeletion" if deletion.propagation == "Foreground" else "orphan")
        if finalizers != (meta.get("finalizers") or []):
            meta["finalizers"] = finalizers
        grace = self._grace(kind, obj, deletion)
        if not (finalizers or grace or kind.key == "namespaces"):
            return (obj, True) if deletion.dry_run else (self.store.remove(kind.key, obj), True)
        due = timestamp(self.now() + grace)
        if "deletionTimestamp" not in meta or seconds(due) < seconds(meta["deletionTimestamp"]):
            meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"] = due, grace
        marked = {**obj, "metadata": meta}
        if kind.key == "namespaces":
            marked["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        if marked == obj or deletion.dry_run:
            return marked, False
        return self.store.put(kind.key, marked), False

    def decoded(self, kind: Kind, body: Json, options: Options) -> Json:
        """A body without unknown fields, as a copy; 400 for those under Strict, a warning under Warn."""
        _check_type(kind, body)
        obj, unknown = decode(self.schemas, kind, body)
        if kind.custom is None and "spec" in self.schemas.resolve(self.schemas.of(kind))["properties"]:
            obj.setdefault("spec", {})  # a struct in Go: never absent
        obj["apiVersion"], obj["kind"] = kind.api_version, kind.kind
        if unknown and options.validation == "Strict":
            raise errors.bad_request(_strict_message(kind, unknown))
        if options.validation == "Warn":
            options.warnings.extend(f'unknown field "{path}"' for path in unknown)
        return copy.deepcopy(obj)

    def _first_metadata(self, kind: Kind, namespace: str, obj: Json) -> Json:
        meta = dict(obj.get("metadata") or {})
        given = meta.pop("namespace", "")
        if kind.namespaced:
            if given and given != namespace:
                raise errors.bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            meta["namespace"] = namespace
        if meta.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(random.choices(_SUFFIX_LETTERS, k=5))
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "generation"):
            meta.pop(name, None)
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = timestamp(self.now())
        if self._counts_generations(kind):
            meta["generation"] = 1
        if kind.key == CRD_KEY:
            meta["finalizers"] = [*(meta.get("finalizers") or ()), CRD_CLEANUP]
        return meta

    def _require_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        found = self.store.get("namespaces", namespace)
        if found is None:
            raise errors.not_found("", "namespaces", namespace)
        if "deletionTimestamp" in found["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace",
                     "message": f"namespace {namespace} is being terminated"}  # fmt: skip
            raise errors.forbidden(kind.group, kind.plural, name, why, causes=[cause])

    def _complete(self, kind: Kind, obj: Json) -> None:
        """Defaults, of the kind or of its schema."""
        if kind.custom is not None:
            obj.update(default(self.schemas.of(kind), obj))
        elif kind.key in defaults.BY_KIND:
            defaults.BY_KIND[kind.key](obj)

    def _problems(self, kind: Kind, obj: Json) -> list[errors.FieldError]:
        if kind.custom is not None:
            return validate(self.schemas.of(kind), obj)
        return list(rules.created(kind, obj))

    def _refuse(self, kind: Kind, obj: Json, problems: list[errors.FieldError]) -> None:
        if problems:
            raise errors.invalid(kind.group, kind.kind, obj["metadata"].get("name", ""), problems)

    def _kept_metadata(self, kind: Kind, old: Json, given: Json) -> Json:
        """Metadata of an update: what the system set stays."""
        was, name = old["metadata"], old["metadata"]["name"]
        if (uid := given.get("uid")) and uid != was["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {was['uid']}"
            raise errors.conflict(kind.group, kind.plural, name, why)
        version = given.get("resourceVersion")
        if version and version != was["resourceVersion"]:
            raise errors.conflict(kind.group, kind.plural, name)
        meta = {key: value for key, value in given.items() if value not in ({}, [], None)}
        for fixed in _SYSTEM_METADATA:
            meta.pop(fixed, None)
            if fixed in was:
                meta[fixed] = was[fixed]
        if "managedFields" in was and "managedFields" not in given:
            meta["managedFields"] = was["managedFields"]
        return meta

    def _status_only(self, kind: Kind, old: Json, new: Json) -> Json:
        result = {**old}
        result.pop("status", None)
        if "status" in new:
            result["status"] = new["status"]
        # Kubelets and controllers label through the status of built-in objects; custom resources keep their metadata.
        result["metadata"] = dict(old["metadata"]) if kind.custom is not None else new["metadata"]
        if "managedFields" in new["metadata"]:
            result["metadata"]["managedFields"] = new["metadata"]["managedFields"]
        return copy.deepcopy(result)

    def _counts_generations(self, kind: Kind) -> bool:
        return kind.custom is not None or kind.group in _GENERATION_GROUPS

    def _generation(self, kind: Kind, old: Json, new: Json) -> int | None:
        current: int | None = old["metadata"].get("generation")
        if current is None or not self._counts_generations(kind):
            return current
        ignored = {"metadata", *(("status",) if kind.has("status") else ())}
        same = all(old.get(key) == new.get(key) for key in {*old, *new} - ignored)
        starts_to_go = "deletionTimestamp" in new["metadata"] and "deletionTimestamp" not in old["metadata"]
        return current if same and not starts_to_go else current + 1

    def _record(self, kind: Kind, old: Json, new: Json, options: Options) -> None:
        stamp = managed.Stamp(kind.api_version, timestamp(self.now()), options.subresource)
        managed.record(
            schemas=self.schemas, schema=self.schemas.of(kind), old=old, new=new, manager=options.manager, stamp=stamp
        )

    def _is_over(self, obj: Json) -> bool:
        """A terminating object without finalizers and without grace left."""
        meta = obj["metadata"]
        if "deletionTimestamp" not in meta or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
            return False
        return not (obj.get("spec") or {}).get("finalizers") if obj["kind"] == "Namespace" else True

    def _check_preconditions(self, kind: Kind, obj: Json, deletion: Deletion) -> None:
        meta = obj["metadata"]
        checks = (("UID", deletion.uid, meta["uid"]), ("ResourceVersion", deletion.version, meta["resourceVersion"]))
        for word, wanted, actual in checks:
            if wanted and wanted != actual:
                why = f"Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {actual}"
                raise errors.conflict(kind.group, kind.plural, meta["name"], why)

    def _grace(self, kind: Kind, obj: Json, deletion: Deletion) -> int:
        """Seconds a pod is given to stop; nothing else is."""
        if kind.key != "pods":
            return 0
        spec, phase = obj["spec"], (obj.get("status") or {}).get("phase")
        if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
            return 0
        own = spec.get("terminationGracePeriodSeconds", 30)
        return max(0, int(own if deletion.grace is None else deletion.grace))


_SYSTEM_METADATA = (
    "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
    "generateName", "resourceVersion", "selfLink",
)  # fmt: skip


def metadata_of(body: Json) -> Json:
    """The metadata of a body, which may be absent; 400 when it is no object."""
    meta = body.get("metadata") or {}
    if not isinstance(meta, dict):
        raise errors.bad_request("metadata is not an object; give it as {name: ...}")
    return meta


def versioned(kind: Kind, obj: Json) -> Json:
    """A stored object in the version asked for (conversion strategy None)."""
    return obj if obj["apiVersion"] == kind.api_version else {**obj, "apiVersion": kind.api_version}


def _where(kind: Kind, meta: Json) -> str:
    return f"{meta['namespace']}/{meta['name']}" if kind.namespaced else str(meta["name"])


def _check_type(kind: Kind, body: Json) -> None:
    given, version = body.get("kind"), body.get("apiVersion")
    if (given and given != kind.kind) or (version and version != kind.api_version):
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): "
            f"got apiVersion {version!r} and kind {given!r}, expected {kind.api_version!r} and {kind.kind!r}"
        )


def _strict_message(kind: Kind, unknown: list[str]) -> str:
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    if kind.custom is not None:
        return f"strict decoding error: {listed}"
    what = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
    return f"{what}: strict decoding error: {listed}"
