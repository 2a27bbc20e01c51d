"""What GKE knows of clusters and node pools: plain JSON rows, and how the API shows them.

`gke.clusters` and `gke.nodePools` by path. Keys that begin with `_` are ours and never shown: `_path`, and a pool's
`_groups`: [{"zone", "name", "template", "color"}], `color` set while a blue-green upgrade runs.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from localcloud.gke import names, refusals
from localcloud.gke.names import Target
from localcloud.world import Table, World

Json = dict[str, Any]


class State:
    """Rows, found and shown."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def clusters(self) -> Table:
        """path -> cluster."""
        return self.world.table("gke.clusters")

    @property
    def pools(self) -> Table:
        """path -> node pool."""
        return self.world.table("gke.nodePools")

    @property
    def secrets(self) -> Table:
        """path of cluster or pool -> what its kube-env keeps secret."""
        return self.world.table("gke.secrets")

    def cluster(self, target: Target) -> Json:
        """404 where there is none."""
        found: Json | None = self.clusters.get(target.cluster_path)
        if found is None:
            raise refusals.not_found(names.shown(target.cluster_path))
        return found

    def pool(self, target: Target) -> Json:
        """404 where cluster or pool are not there."""
        self.cluster(target)
        found: Json | None = self.pools.get(target.pool_path)
        if found is None:
            raise refusals.not_found(names.shown(target.pool_path))
        return found

    def pools_of(self, cluster_path: str) -> list[Json]:
        """The pools of a cluster, oldest first."""
        start = f"{cluster_path}/nodePools/"
        return [pool for path, pool in self.pools.items() if path.startswith(start)]

    def cluster_of(self, pool: Json) -> Json:
        """A pool's cluster."""
        found: Json = self.clusters[names.of_path(pool["_path"]).cluster_path]
        return found

    def shown_pool(self, pool: Json) -> Json:
        """A pool as the API gives it."""
        project = names.of_path(pool["_path"]).project
        shown = {key: value for key, value in pool.items() if not key.startswith("_")}
        shown["selfLink"] = names.link_of(pool["_path"])
        if pool["_groups"]:
            shown["instanceGroupUrls"] = [group_link(project, each) for each in pool["_groups"]]
        shown["etag"] = _etag(shown)
        return shown

    def shown_cluster(self, cluster: Json) -> Json:
        """A cluster with its pools as the API gives it."""
        pools = [self.shown_pool(pool) for pool in self.pools_of(cluster["_path"])]
        shown = {key: value for key, value in cluster.items() if not key.startswith("_")}
        shown["selfLink"] = names.link_of(cluster["_path"])
        if cluster.get("autopilot", {}).get("enabled"):
            pools = []
        shown["nodePools"] = pools
        shown["instanceGroupUrls"] = [url for pool in pools for url in pool.get("instanceGroupUrls", [])]
        shown["currentNodeCount"] = self._nodes(cluster)
        if pools:
            shown["nodeConfig"] = pools[0]["config"]
        shown["currentNodeVersion"] = pools[0]["version"] if pools else cluster["currentMasterVersion"]
        shown["etag"] = _etag(shown)
        return shown

    def _nodes(self, cluster: Json) -> int:
        """The sum of what the groups are to have."""
        project = names.of_path(cluster["_path"]).project
        groups = [group for pool in self.pools_of(cluster["_path"]) for group in pool["_groups"]]
        managers = self.world.table("compute.instanceGroupManagers")
        paths = [f"projects/{project}/zones/{each['zone']}/instanceGroupManagers/{each['name']}" for each in groups]
        return sum(int(managers[path]["targetSize"]) for path in paths if path in managers)


def group_link(project: str, group: Json) -> str:
    """A group's self link."""
    return f"{names.COMPUTE_ROOT}projects/{project}/zones/{group['zone']}/instanceGroupManagers/{group['name']}"


def _etag(shown: Json) -> str:
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:8]
