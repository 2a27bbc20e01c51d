"""Clusters: the methods of projects.locations.clusters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud.dispatch import Answer, Call, Handler
from localcloud.gke import names, refusals, versions
from localcloud.gke.cluster_updates import ClusterUpdates
from localcloud.gke.lifecycle import Lifecycle
from localcloud.gke.names import Target
from localcloud.gke.operations import Operations
from localcloud.gke.pool_defaults import NAME, bad_name, new_pool
from localcloud.gke.state import State
from localcloud.gke.timings import seconds

Json = dict[str, Any]

OUTPUT_ONLY = {
    "selfLink", "endpoint", "status", "statusMessage", "currentMasterVersion", "currentNodeVersion", "createTime",
    "instanceGroupUrls", "currentNodeCount", "id", "etag", "zone", "location", "nodePools", "nodeConfig",
    "initialClusterVersion", "masterAuth",
}  # fmt: skip


class Clusters:
    """What clients do with clusters."""

    def __init__(self, state: State, operations: Operations, lifecycle: Lifecycle, updates: ClusterUpdates) -> None:
        self._state = state
        self._world = state.world
        self._operations = operations
        self._lifecycle = lifecycle
        self._updates = updates

    def handlers(self) -> Mapping[str, Handler]:
        """By Google's names."""
        return {
            "CreateCluster": self.create,
            "GetCluster": self.get,
            "ListClusters": self.list,
            "DeleteCluster": self.delete,
        }

    def create(self, call: Call) -> Answer:
        """CreateCluster: an operation; the cluster is there at once, PROVISIONING."""
        place = names.target_of(call.params, self._world)
        body = call.params.get("cluster") or {}
        if not NAME.fullmatch(str(body.get("name", ""))):
            raise bad_name("cluster.name", str(body.get("name", "")))
        target = Target(place.project, place.location, body["name"])
        if place.location == "-":
            raise refusals.invalid('Location "-" is not valid for creating a cluster.')
        if target.cluster_path in self._state.clusters:
            raise refusals.already_exists(names.shown(target.cluster_path))
        cluster = new_cluster(body, target, self._state)
        pools = [new_pool(each, target=target, cluster=cluster) for each in _pools_asked(body)]
        self.put(cluster, pools)
        return self._operations.start(
            "CREATE_CLUSTER",
            target.cluster_path,
            call,
            stage="cluster.create.plane",
            after=seconds(self._world, "createCluster") / 2,
        )

    def put(self, cluster: Json, pools: list[Json]) -> None:
        """Remember a new cluster and its pools."""
        self._state.clusters[cluster["_path"]] = cluster
        for pool in pools:
            self._state.pools[pool["_path"]] = pool

    def get(self, call: Call) -> Answer:
        """GetCluster."""
        return self._state.shown_cluster(self._state.cluster(names.target_of(call.params, self._world)))

    def list(self, call: Call) -> Answer:
        """ListClusters; `-` is everywhere."""
        place = names.target_of(call.params, self._world)
        start = f"projects/{place.project}/locations/" + ("" if place.location == "-" else f"{place.location}/")
        found = [each for path, each in sorted(self._state.clusters.items()) if path.startswith(start)]
        return {"clusters": [self._state.shown_cluster(each) for each in found]}

    def delete(self, call: Call) -> Answer:
        """DeleteCluster."""
        target = names.target_of(call.params, self._world)
        cluster = self._state.cluster(target)
        self._operations.check_free(target.cluster_path)
        cluster["status"] = "STOPPING"
        for pool in self._state.pools_of(target.cluster_path):
            pool["status"] = "STOPPING"
        after = seconds(self._world, "deleteCluster") / 2
        return self._operations.start(
            "DELETE_CLUSTER", target.cluster_path, call, stage="cluster.delete.groups", after=after
        )


def new_cluster(body: Json, target: Target, state: State) -> Json:
    """The row of a new cluster, PROVISIONING, without an endpoint yet."""
    world = state.world
    channel = (body.get("releaseChannel") or {}).get("channel", "REGULAR")
    default = versions.CHANNELS.get(channel, versions.DEFAULT)
    version = versions.resolve(str(body.get("initialClusterVersion", "")), default=default, what="Master version")
    number = world.number("clusters")
    dice = world.simulation.random
    moment = datetime.fromtimestamp(world.simulation.now(), UTC)
    defaults: Json = {
        "network": "default",
        "subnetwork": "default",
        "clusterIpv4Cidr": f"10.{number * 4 % 250}.0.0/14",
        "servicesIpv4Cidr": "34.118.224.0/20",
        "loggingService": "logging.googleapis.com/kubernetes",
        "monitoringService": "monitoring.googleapis.com/kubernetes",
        "locations": names.default_zones(target.location),
        "addonsConfig": {"gcePersistentDiskCsiDriverConfig": {"enabled": True}},
        "defaultMaxPodsConstraint": {"maxPodsPerNode": "110"},
        "databaseEncryption": {"state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED"},
        "releaseChannel": {"channel": channel},
        "shieldedNodes": {"enabled": True},
        "labelFingerprint": "a9dc16a7",
        "legacyAbac": {},
    }
    given = {key: value for key, value in body.items() if key not in OUTPUT_ONLY and value not in (None, "", [])}
    cluster = defaults | given | {
        "name": target.cluster,
        "id": f"{dice.getrandbits(256):064x}",
        "location": target.location,
        "zone": target.location,
        "initialClusterVersion": version,
        "currentMasterVersion": version,
        "createTime": f"{moment:%Y-%m-%dT%H:%M:%S}+00:00",
        "status": "PROVISIONING",
        "masterAuth": {"clientCertificateConfig": {}},
        "endpoint": "",
        "_path": target.cluster_path,
    }  # fmt: skip
    cluster["network"] = str(cluster["network"]).rpartition("/")[2]
    cluster["subnetwork"] = str(cluster["subnetwork"]).rpartition("/")[2]
    region = "-".join(target.location.split("-")[:2])
    cluster["networkConfig"] = dict(given.get("networkConfig") or {}) | {
        "network": f"projects/{target.project}/global/networks/{cluster['network']}",
        "subnetwork": f"projects/{target.project}/regions/{region}/subnetworks/{cluster['subnetwork']}",
    }
    cluster["ipAllocationPolicy"] = {
        "useIpAliases": True,
        "clusterIpv4CidrBlock": cluster["clusterIpv4Cidr"],
        "servicesIpv4CidrBlock": cluster["servicesIpv4Cidr"],
        "clusterSecondaryRangeName": f"gke-{target.cluster}-pods-{cluster['id'][:8]}",
        "stackType": "IPV4",
    } | dict(given.get("ipAllocationPolicy") or {})
    return cluster


def _pools_asked(body: Json) -> list[Json]:
    """Pools of a CreateCluster: named ones, or `default-pool` of the older fields."""
    if (body.get("autopilot") or {}).get("enabled"):
        return []
    if body.get("nodePools"):
        if body.get("initialNodeCount") or body.get("nodeConfig"):
            raise refusals.invalid("Cannot specify node_pools together with initial_node_count or node_config.")
        return list(body["nodePools"])
    if int(body.get("initialNodeCount", 0)) < 1:
        raise refusals.invalid("Cluster.initial_node_count must be greater than zero.")
    return [
        {"name": "default-pool", "config": body.get("nodeConfig", {}), "initialNodeCount": body["initialNodeCount"]}
    ]
