"""GKE as a whole: its parts put together, and what the stand-in's other parts ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.compute import Compute
from localcloud.dispatch import Answer, Api, Call
from localcloud.gke import names, notifications, versions
from localcloud.gke.blue_green import BlueGreen
from localcloud.gke.cluster_updates import ClusterUpdates
from localcloud.gke.clusters import Clusters, new_cluster
from localcloud.gke.control_planes import ControlPlanes, MakeReal, OpenControlPlane
from localcloud.gke.groups import Groups
from localcloud.gke.kubelets import Kubelets
from localcloud.gke.lifecycle import Lifecycle
from localcloud.gke.names import Target
from localcloud.gke.node_images import NodeImages
from localcloud.gke.node_pools import NodePools
from localcloud.gke.operations import Operations
from localcloud.gke.pool_defaults import new_pool
from localcloud.gke.pool_updates import PoolUpdates
from localcloud.gke.rotation import Rotation
from localcloud.gke.state import State
from localcloud.gke.upgrades import Upgrades
from localcloud.kubernetes import ClusterApi
from localcloud.schema import methods_of
from localcloud.world import World

Json = dict[str, Any]

HOST = "container.googleapis.com"
PACKAGE = "google.cloud.container_v1"
SERVICE = "google.container.v1.ClusterManager"


class Gke:
    """container.googleapis.com of one world.

    `clusters`: the Kubernetes API of each cluster by its path (`projects/P/locations/L/clusters/C`).
    """

    def __init__(
        self, world: World, compute: Compute, open_control_plane: OpenControlPlane, make_real: MakeReal | None = None
    ) -> None:
        self._world = world
        self.state = State(world)
        self.operations = Operations(world)
        self.groups = Groups(self.state, compute)
        self.planes = ControlPlanes(self.state, open_control_plane, make_real)
        self.kubelets = Kubelets(self.state, self.planes)
        self.lifecycle = Lifecycle(self.state, self.operations, self.groups, self.planes, self.kubelets)
        self.upgrades = Upgrades(self.state, self.operations, self.groups, self.kubelets)
        BlueGreen(self.state, self.operations, self.groups, self.kubelets, self.upgrades)
        updates = ClusterUpdates(self.state, self.operations, self.upgrades)
        self._cluster_updates = updates
        self.cluster_methods = Clusters(self.state, self.operations, self.lifecycle, updates)
        pool_updates = PoolUpdates(self.state, self.operations, self.groups, self.kubelets, self.upgrades)
        self._node_pools = NodePools(self.state, self.operations, self.groups, pool_updates, self.upgrades)
        self._rotation = Rotation(self.state, self.operations, self.groups)
        NodeImages(compute, world).publish()
        self.kubelets.go_on()

    @property
    def clusters(self) -> dict[str, ClusterApi]:
        """Cluster path -> its Kubernetes API."""
        return self.planes.apis

    def api(self) -> Api:
        """What clients talk to."""
        handlers = {
            **self.cluster_methods.handlers(),
            **self._cluster_updates.handlers(),
            **self._node_pools.handlers(),
            **self._rotation.handlers(),
            "GetOperation": self.operations.get,
            "ListOperations": self.operations.list,
            "CancelOperation": self.operations.cancel,
            "GetServerConfig": self.server_config,
        }
        return Api(
            world=self._world,
            host=HOST,
            methods=methods_of(PACKAGE, "cluster_manager", "ClusterManager"),
            handlers={f"{SERVICE}.{name}": handler for name, handler in handlers.items()},
            aliases={"/v1beta1/": "/v1/", "/v1alpha1/": "/v1/"},
            style="container",
        )

    def server_config(self, call: Call) -> Answer:
        """GetServerConfig."""
        names.target_of(call.params, self._world)
        offered = list(versions.OFFERED)
        channels = [
            {"channel": name, "defaultVersion": default, "validVersions": offered}
            for name, default in versions.CHANNELS.items()
        ]
        return {
            "defaultClusterVersion": versions.DEFAULT,
            "validNodeVersions": offered,
            "defaultImageType": versions.DEFAULT_IMAGE_TYPE,
            "validImageTypes": list(versions.IMAGE_TYPES),
            "validMasterVersions": offered,
            "channels": channels,
        }

    async def go_on(self) -> None:
        """After a saved world was loaded: every cluster's control plane opens again."""
        for cluster in self.state.clusters.values():
            await self.planes.open(cluster)

    async def stop(self) -> None:
        """End what runs outside of this process."""
        await self.planes.stop()

    def kubeconfig(self, token: str) -> Json:
        """A kubectl configuration for all clusters, named as gcloud names them, signed in with a token."""
        found = [each for each in self.state.clusters.values() if each["endpoint"]]
        named = {
            f"gke_{names.of_path(each['_path']).project}_{each['location']}_{each['name']}": each for each in found
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {
                        "server": f"https://{each['endpoint']}",
                        "certificate-authority-data": each["masterAuth"]["clusterCaCertificate"],
                    },
                }
                for name, each in named.items()
            ],
            "users": [{"name": "localcloud", "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "localcloud"}} for name in named],
            "current-context": next(iter(named), ""),
        }

    def nodes_and_pods(self) -> Iterator[tuple[Json, list[Json], list[Json]]]:
        """Each cluster (`name`, `location`, `selfLink`) with its nodes and pods."""
        for path, api in list(self.clusters.items()):
            cluster = self.state.clusters[path]
            place = {"name": cluster["name"], "location": cluster["location"], "selfLink": names.link_of(path)}
            yield place, api.list("nodes"), api.list("pods")

    async def put_cluster(self, body: Json, *, location: str) -> Json:
        """A cluster of a CreateCluster body, RUNNING with its groups at once, without an operation; gives its row."""
        target = Target(self._world.project, location, str(body["name"]))
        cluster = new_cluster(body, target, self.state)
        pools = [new_pool(each, target=target, cluster=cluster) for each in body.get("nodePools", [])]
        self.cluster_methods.put(cluster, pools)
        await self.planes.open(cluster)
        for each in pools:
            self.lifecycle.fill(each)
            each["status"] = "RUNNING"
        cluster["status"] = "RUNNING"
        return cluster

    def auto_upgrade(self, pool_path: str, version: str) -> Json:
        """GKE upgrades a pool by itself; gives the operation."""
        self.operations.check_free(pool_path)
        return self.upgrades.start(None, pool_path, version=versions.resolve(version), config={})

    def announce(self, cluster_path: str, version: str, *, pool: str = "") -> None:
        """Tell that a version is there for the control plane or a pool."""
        notifications.upgrade_available(self._world, self.state.clusters[cluster_path], version=version, pool=pool)
