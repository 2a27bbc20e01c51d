"""What the simulation asks of a cluster, whether its API is the embedded one or a real control plane's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from localcloud.kubernetes import patches
from localcloud.kubernetes.store import Change

Json = dict[str, Any]


class ClusterApi(Protocol):
    """Kinds are named as kubectl does in full: `pods`, `deployments.apps`. Raises ApiError; objects are copies."""

    def get(self, kind: str, name: str, namespace: str = "") -> Json:
        """One object; 404 when there is none."""

    def list(self, kind: str, namespace: str = "", *, labels: str = "") -> list[Json]:
        """Objects of a kind, of all namespaces by default, by a label selector."""

    def create(self, kind: str, body: Mapping[str, Any], namespace: str = "") -> Json:
        """Store a new object; a node may bring its status."""

    def replace(self, kind: str, body: Mapping[str, Any], *, subresource: str = "") -> Json:
        """Update by whole; with `subresource="status"`, the status alone."""

    def patch(
        self, kind: str, name: str, body: Mapping[str, Any], namespace: str = "", *, subresource: str = "",
        media: str = patches.MERGE_PATCH,
    ) -> Json:  # fmt: skip
        """Change a part; a merge patch unless `media` says otherwise."""

    def delete(self, kind: str, name: str, namespace: str = "", *, grace: int | None = None) -> None:
        """Begin or do the removal of an object; `grace` in seconds."""

    def reconcile(self) -> None:
        """Let the kubelets, and what else of the cluster is ours, do what is due now."""

    def next_due(self) -> float | None:
        """Epoch seconds at which `reconcile` has something to do without any change, or None."""

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write that `reconcile` may have to follow; returns what ends it."""
