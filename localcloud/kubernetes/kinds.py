"""The kinds the embedded API serves: one row each; custom ones come from their definitions.

Source of names, short names and categories: https://kubernetes.io/docs/reference/kubectl/#resource-types
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CRD_KEY = "customresourcedefinitions.apiextensions.k8s.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """One served resource in one version. `key` names its table, whatever the version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    model: str = ""
    singular: str = ""
    custom: Json | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def model_name(self) -> str:
        """The class of the `kubernetes` package that carries this kind's schema."""
        return self.model or f"V1{self.kind}"

    @property
    def singular_name(self) -> str:
        return self.singular or self.kind.lower()

    def has(self, subresource: str) -> bool:
        return subresource in self.subresources


def _rows() -> Iterator[Kind]:
    every = ("all",)
    status = ("status",)
    scaled = ("scale", "status")
    yield Kind("", "v1", "namespaces", "Namespace", False, ("ns",), (), ("finalize", "status"))
    yield Kind("", "v1", "nodes", "Node", False, ("no",), (), status)
    yield Kind(
        "", "v1", "pods", "Pod", True, ("po",), every,
        ("attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "status"),
    )  # fmt: skip
    yield Kind("", "v1", "configmaps", "ConfigMap", True, ("cm",))
    yield Kind("", "v1", "secrets", "Secret")
    yield Kind("", "v1", "services", "Service", True, ("svc",), every, status)
    yield Kind("", "v1", "endpoints", "Endpoints", True, ("ep",), singular="endpoints")
    yield Kind("", "v1", "events", "Event", True, ("ev",), model="CoreV1Event")
    yield Kind("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",), (), ("token",))
    yield Kind("", "v1", "persistentvolumes", "PersistentVolume", False, ("pv",), (), status)
    yield Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), (), status)
    yield Kind("", "v1", "replicationcontrollers", "ReplicationController", True, ("rc",), every, scaled)
    yield Kind("", "v1", "resourcequotas", "ResourceQuota", True, ("quota",), (), status)
    yield Kind("", "v1", "limitranges", "LimitRange", True, ("limits",))
    yield Kind("apps", "v1", "deployments", "Deployment", True, ("deploy",), every, scaled)
    yield Kind("apps", "v1", "replicasets", "ReplicaSet", True, ("rs",), every, scaled)
    yield Kind("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",), every, status)
    yield Kind("apps", "v1", "statefulsets", "StatefulSet", True, ("sts",), every, scaled)
    yield Kind("apps", "v1", "controllerrevisions", "ControllerRevision")
    yield Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ("hpa",), every,
               status, model="V2HorizontalPodAutoscaler")  # fmt: skip
    yield Kind("batch", "v1", "jobs", "Job", True, (), every, status)
    yield Kind("batch", "v1", "cronjobs", "CronJob", True, ("cj",), every, status)
    yield Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), (), status)
    yield Kind("coordination.k8s.io", "v1", "leases", "Lease")
    yield Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
    rbac = "rbac.authorization.k8s.io"
    yield Kind(rbac, "v1", "roles", "Role")
    yield Kind(rbac, "v1", "rolebindings", "RoleBinding")
    yield Kind(rbac, "v1", "clusterroles", "ClusterRole", False)
    yield Kind(rbac, "v1", "clusterrolebindings", "ClusterRoleBinding", False)
    yield Kind("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False, ("pc",))
    yield Kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ("sc",))
    yield Kind("storage.k8s.io", "v1", "csinodes", "CSINode", False)
    yield Kind("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", False, (), (), status)
    yield Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False,
               ("crd", "crds"), ("api-extensions",), status)  # fmt: skip
    yield from _reviews()


def _reviews() -> Iterator[Kind]:
    """Kinds that are answered and never stored."""
    create = ("create",)
    authorization = "authorization.k8s.io"
    yield Kind("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False, verbs=create)
    yield Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", False, verbs=create)
    yield Kind(authorization, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False, verbs=create)
    yield Kind(authorization, "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False, verbs=create)
    yield Kind(authorization, "v1", "subjectaccessreviews", "SubjectAccessReview", False, verbs=create)
    yield Kind(authorization, "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", True, verbs=create)


BUILT_IN = tuple(_rows())

# What subresources and deletions take as bodies.
BODIES = {
    "binding": Kind("", "v1", "bindings", "Binding"),
    "eviction": Kind("policy", "v1", "evictions", "Eviction"),
    "scale": Kind("autoscaling", "v1", "scales", "Scale"),
    "token": Kind("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest", model="AuthenticationV1TokenRequest"),
    "delete": Kind("meta.k8s.io", "v1", "deleteoptions", "DeleteOptions"),
}


def custom_kinds(definition: Json) -> Iterator[Kind]:
    """The kinds that one CustomResourceDefinition serves, one for each served version."""
    spec = definition["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if version.get("served"):
            yield Kind(
                spec["group"], version["name"], names["plural"], names["kind"], spec["scope"] == "Namespaced",
                tuple(names.get("shortNames") or ()), tuple(names.get("categories") or ()),
                tuple(sorted(version.get("subresources") or ())), singular=names.get("singular", ""), custom=version,
            )  # fmt: skip


def is_established(definition: Json) -> bool:
    """Whether its names are accepted, so that its resources are served."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


class Kinds:
    """All kinds of a cluster: the built-in ones and those that its stored definitions establish."""

    def __init__(self, definitions: dict[str, Json]) -> None:
        self._definitions = definitions
        self._custom: dict[str, tuple[str, tuple[Kind, ...]]] = {}

    def every(self) -> list[Kind]:
        """Served kinds, built-in ones first."""
        return [*BUILT_IN, *(kind for name in sorted(self._definitions) for kind in self._of(name))]

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind a request path; None when nothing of that name is served, or not yet."""
        return next((k for k in self._served() if (k.group, k.version, k.plural) == (group, version, plural)), None)

    def knows_group(self, group: str) -> bool:
        """Whether a built-in kind has this group: a request for another of its resources gets a Status."""
        return any(kind.group == group for kind in BUILT_IN)

    def named(self, key: str) -> Kind:
        """The kind stored under a key such as `pods` or `deployments.apps`; a KeyError names what is missing."""
        for kind in self.every():
            if kind.key == key:
                return kind
        raise KeyError(f"no kind is served as {key!r}; create its CustomResourceDefinition first")

    def _served(self) -> Iterator[Kind]:
        yield from BUILT_IN
        for name, definition in self._definitions.items():
            if is_established(definition):
                yield from self._of(name)

    def _of(self, name: str) -> tuple[Kind, ...]:
        definition = self._definitions[name]
        revision = definition["metadata"]["resourceVersion"]
        known = self._custom.get(name)
        if known is None or known[0] != revision:
            known = (revision, tuple(custom_kinds(definition)))
            self._custom[name] = known
        return known[1]
