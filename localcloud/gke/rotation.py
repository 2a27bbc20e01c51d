"""Rotation of a cluster's credentials: StartIPRotation and CompleteIPRotation.

From the start the cluster trusts the old and a new certificate authority and issues templates with both; from the
completion the old one is dead: nodes from templates that were issued before the start cannot join any more
(https://cloud.google.com/kubernetes-engine/docs/how-to/credential-rotation).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from localcloud.dispatch import Answer, Call, Handler
from localcloud.gke import names, refusals, secrets
from localcloud.gke.groups import Groups
from localcloud.gke.operations import Operations
from localcloud.gke.state import State
from localcloud.gke.timings import seconds

Json = dict[str, Any]


class Rotation:
    """A cluster's row has `_rotating` between start and completion."""

    def __init__(self, state: State, operations: Operations, groups: Groups) -> None:
        self._state = state
        self._world = state.world
        self._operations = operations
        self._groups = groups
        operations.step("rotation.start", self._begin)
        operations.step("rotation.complete", self._end)

    def handlers(self) -> Mapping[str, Handler]:
        """By Google's names."""
        return {"StartIPRotation": self.start, "CompleteIPRotation": self.complete}

    def start(self, call: Call) -> Answer:
        """StartIPRotation; certificates are rotated whether it asks for `rotateCredentials` or not."""
        return self._operate(call, "rotation.start", rotating=False)

    def complete(self, call: Call) -> Answer:
        """CompleteIPRotation."""
        return self._operate(call, "rotation.complete", rotating=True)

    def _operate(self, call: Call, stage: str, *, rotating: bool) -> Answer:
        target = names.target_of(call.params, self._world)
        cluster = self._state.cluster(target)
        self._operations.check_free(target.cluster_path)
        if bool(cluster.get("_rotating")) != rotating:
            why = "is not in progress" if rotating else "is already in progress"
            raise refusals.precondition(f"IP rotation {why} for cluster {target.cluster}.")
        cluster["status"] = "RECONCILING"
        after = seconds(self._world, "updateCluster")
        return self._operations.start("UPDATE_CLUSTER", target.cluster_path, call, stage=stage, after=after)

    def _begin(self, record: Json) -> None:
        cluster = self._state.clusters[record["target"]]
        auth = cluster["masterAuth"]
        trusted = base64.b64decode(auth["clusterCaCertificate"]).decode()
        # The port goes on with its certificate, so that one stays in the bundle; the new authority is for show.
        bundle = trusted + secrets.self_signed(cluster["name"])
        auth["clusterCaCertificate"] = base64.b64encode(bundle.encode()).decode()
        cluster["_cas"] = [*cluster["_cas"], auth["clusterCaCertificate"]]
        cluster["_rotating"] = True
        for pool in self._state.pools_of(record["target"]):
            self._groups.retire(pool, self._groups.renew(pool))

    def _end(self, record: Json) -> None:
        cluster = self._state.clusters[record["target"]]
        cluster["_cas"] = [cluster["masterAuth"]["clusterCaCertificate"]]
        cluster["_rotating"] = False
