"""The kubelets: a running VM of a pool becomes a node, turns Ready, gets its GPUs, beats, and goes with its VM.

A kubelet knows what its VM's metadata says and no more: cluster and pool are found, labels and taints are set from
`kube-env`, so a template that was changed wrongly yields nodes that are wrong, or none.

`gke.nodes`: `<cluster path>/nodes/<name>` -> {"instance", "id", "cluster", "image", "baked", "pulled", "breaks"}.
`gke.brokenImages`: boot image's name -> what breaks: "boot" (no node), "ready" (never Ready), "gpu" (no GPUs).
Which nodes are Ready and which fail: see `heartbeats`.
Which container images a node holds, and how pods end: see `containers`.
"""

from __future__ import annotations

import logging
from typing import Any

from localcloud.gke import containers, kube_env, names, nodes
from localcloud.gke.control_planes import ControlPlanes
from localcloud.gke.heartbeats import LEASES, Heartbeats
from localcloud.gke.state import State
from localcloud.gke.timings import seconds
from localcloud.kubernetes import ClusterApi
from localcloud.kubernetes.errors import ApiError
from localcloud.world import Table

log = logging.getLogger(__name__)

Json = dict[str, Any]

STOCK_PROJECTS = ("gke-node-images", "ubuntu-os-gke-cloud")
GPU = "nvidia.com/gpu"


class Kubelets:
    """All of them."""

    def __init__(self, state: State, planes: ControlPlanes) -> None:
        self._state = state
        self._world = state.world
        self._planes = planes
        planes.machines = self._machines
        self._world.listen("instance.running", self._running)
        self._world.listen("instance.deleting", self._stopping)
        self._world.listen("instance.stopped", self._stopping)
        self._world.listen("instance.deleted", self._gone)
        self._hearts = Heartbeats(self._world, planes)
        self._hearts.on("gke.node.register", self._register)
        self._hearts.on("gke.node.ready", self._ready)
        self._hearts.on("gke.node.gpu", self._gpus)
        self._hearts.on("gke.node.stopping", self._not_ready)
        self._hearts.on("gke.node.forget", self._forget)

    @property
    def _rows(self) -> Table:
        return self._world.table("gke.nodes")

    def ready_nodes(self, pool: Json) -> int:
        """How many nodes of a pool are Ready."""
        api = self._planes.apis.get(names.of_path(pool["_path"]).cluster_path)
        if api is None:
            return 0
        found = api.list("nodes", labels=f"cloud.google.com/gke-nodepool={pool['name']}")
        return sum(is_ready(each) for each in found)

    def node_ready(self, cluster_path: str, name: str) -> bool:
        """Whether this node is there and Ready."""
        node = self._hearts.node(cluster_path, name)
        return node is not None and is_ready(node)

    def drain(self, cluster_path: str, name: str) -> None:
        """Cordon a node and end its pods, as an upgrade does; pods of daemon sets stay."""
        api = self._planes.apis.get(cluster_path)
        if api is None or self._hearts.node(cluster_path, name) is None:
            return
        api.patch("nodes", name, {"spec": {"unschedulable": True}})
        for pod in api.list("pods"):
            owners = {each.get("kind") for each in pod["metadata"].get("ownerReferences", [])}
            if pod["spec"].get("nodeName") == name and "DaemonSet" not in owners:
                api.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])

    def relabel(self, pool: Json, *, labels: dict[str, str | None] | None, taints: list[Json] | None) -> None:
        """Labels and taints of a pool's nodes changed in place, as GKE does without new nodes."""
        api = self._planes.apis.get(names.of_path(pool["_path"]).cluster_path)
        if api is None:
            return
        for node in api.list("nodes", labels=f"cloud.google.com/gke-nodepool={pool['name']}"):
            body: Json = {}
            if labels is not None:
                body["metadata"] = {"labels": labels}
            if taints is not None:
                body["spec"] = {"taints": taints}
            api.patch("nodes", node["metadata"]["name"], body)

    def go_on(self) -> None:
        """After a start: hearts beat again."""
        self._hearts.go_on()

    # What VMs tell

    def _running(self, instance: Json) -> None:
        found = _metadata(instance)
        cluster = self._cluster_of(found)
        if cluster is None:
            return
        key = f"{cluster['_path']}/nodes/{instance['name']}"
        image = self._boot_image(instance)
        parts = image.split("/")
        row = {
            "instance": instance["selfLink"].removeprefix(names.COMPUTE_ROOT),
            "id": instance["id"],
            "cluster": cluster["_path"],
            "image": image,
            "baked": len(parts) > 1 and parts[1] not in STOCK_PROJECTS,
            "breaks": self._world.table("gke.brokenImages").get(parts[-1], ""),
        }
        self._rows[key] = row
        if row["breaks"] != "boot":
            self._later("register", "gke.node.register", key, instance["id"])

    def _stopping(self, instance: Json) -> None:
        """A VM that shuts down: its kubelet says so."""
        for key, row in self._rows.items():
            if row["id"] == instance["id"]:
                self._hearts.attempt("gke.node.stopping", self._not_ready, key, row["id"])

    def _gone(self, instance: Json) -> None:
        for key, row in list(self._rows.items()):
            if row["id"] == instance["id"]:
                del self._rows[key]
                self._hearts.attempt("gke.node.forget", self._forget, row["cluster"], instance["name"])

    # What time brings

    def _not_ready(self, key: str, identity: str) -> None:
        row, _ = self._hearts.alive(key, identity)
        if row is not None:
            self._hearts.set_ready(key, row, "False", "KubeletNotReady")

    def _forget(self, cluster_path: str, name: str) -> None:
        api = self._planes.apis.get(cluster_path)
        if api is not None and f"{cluster_path}/nodes/{name}" not in self._rows:
            _ignore_missing(api, "nodes", name, "")
            _ignore_missing(api, LEASES, name, nodes.LEASES)

    def _register(self, key: str, identity: str) -> None:
        row, instance = self._hearts.alive(key, identity)
        api = self._planes.apis.get(row["cluster"]) if row else None
        if row is None or instance is None or api is None:
            return
        cluster = self._state.clusters[row["cluster"]]
        try:
            env = kube_env.read(_metadata(instance).get("kube-env", ""))
            if env.get("CA_CERT", env.get("CA_CERT_BUNDLE")) not in cluster.get("_cas", []):
                raise kube_env.Unreadable("CA_CERT is not the cluster's: the control plane is not trusted")
            body = nodes.new_node(
                instance=instance, env=env, version=self._version(env, cluster),
                images=containers.listed(self._world, row), now=self._world.simulation.now(),
            )  # fmt: skip
        except kube_env.Unreadable as wrong:
            log.warning("the node of %s does not join its cluster: %s", instance["name"], wrong)
            return
        _ignore_missing(api, "nodes", instance["name"], "")
        api.create("nodes", body)
        _ignore_missing(api, LEASES, instance["name"], nodes.LEASES)
        api.create(LEASES, nodes.lease(instance["name"], self._world.simulation.now()), nodes.LEASES)
        if row["breaks"] != "ready":
            self._later("readyBaked" if row["baked"] else "readyStock", "gke.node.ready", key, identity)

    def _ready(self, key: str, identity: str) -> None:
        row, instance = self._hearts.alive(key, identity)
        if row is None or instance is None:
            return
        self._hearts.set_ready(key, row, "True", "KubeletReady")
        if nodes.hardware_of(instance).gpus and row["breaks"] != "gpu":
            self._later("gpuBaked" if row["baked"] else "gpuStock", "gke.node.gpu", key, identity)

    def _gpus(self, key: str, identity: str) -> None:
        row, instance = self._hearts.alive(key, identity)
        api = self._planes.apis.get(row["cluster"]) if row else None
        if (
            row is None
            or instance is None
            or api is None
            or self._hearts.node(row["cluster"], instance["name"]) is None
        ):
            return
        count = {GPU: str(nodes.hardware_of(instance).gpus)}
        body = {"status": {"capacity": count, "allocatable": count}}
        api.patch("nodes", instance["name"], body, subresource="status")

    def _later(self, timing: str, event: str, key: str, identity: str) -> None:
        self._world.simulation.after(seconds(self._world, timing), event, key, identity)

    def _machines(self, cluster_path: str) -> containers.NodeContainers:
        """What the nodes of a cluster hold."""

        def listed(name: str, images: list[Json]) -> None:
            self._planes.apis[cluster_path].patch("nodes", name, {"status": {"images": images}}, subresource="status")

        return containers.NodeContainers(self._world, cluster_path, listed)

    # Helpers

    def _cluster_of(self, metadata: dict[str, str]) -> Json | None:
        uid = metadata.get("cluster-uid")
        if not uid or "kube-env" not in metadata:
            return None
        return next((each for each in self._state.clusters.values() if each["id"] == uid), None)

    def _boot_image(self, instance: Json) -> str:
        """The boot disk's image as a path, or nothing."""
        for disk in instance.get("disks", []):
            if disk.get("boot") and "source" in disk:
                found = self._world.table("compute.disks").get(disk["source"].removeprefix(names.COMPUTE_ROOT), {})
                return str(found.get("sourceImage", "")).removeprefix(names.COMPUTE_ROOT)
        return ""

    def _version(self, env: dict[str, str], cluster: Json) -> str:
        """The kubelet's: that of the release it was told to run."""
        _, _, rest = env.get("SERVER_BINARY_TAR_URL", "").partition("/release/v")
        return rest.partition("/")[0] or str(cluster["currentMasterVersion"])


def is_ready(node: Json) -> bool:
    """By its condition."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))


def _metadata(instance: Json) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in instance.get("metadata", {}).get("items", [])}


def _ignore_missing(api: ClusterApi, kind: str, name: str, namespace: str) -> None:
    try:
        api.delete(kind, name, namespace, grace=0)
    except ApiError as wrong:
        if wrong.code != 404:
            raise
