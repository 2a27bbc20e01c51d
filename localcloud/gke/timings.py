"""How long things take in the world's seconds; the table `gke.timings` overrides each by its name."""

from __future__ import annotations

from localcloud.world import World

DEFAULTS: dict[str, float] = {
    "createCluster": 300.0,
    "deleteCluster": 180.0,
    "updateCluster": 60.0,
    "upgradeMaster": 600.0,
    "deleteNodePool": 60.0,
    "updateNodePool": 15.0,
    "groups": 10.0,  # from a pool's creation to its groups
    "poll": 5.0,  # between two looks at whether a pool's nodes are there
    "patience": 2100.0,  # GKE gives the nodes of a pool 35 minutes to register
    "drain": 30.0,  # between a node's drain and its deletion in an upgrade
    "soak": 60.0,  # a blue-green upgrade's last look back; GKE's default is an hour
    # From a running VM to a pod that runs. A stock image downloads its binaries, its GPU driver and the workload's
    # 10 GB of container images: about 240 s in all. One of ours has them: about 40 s.
    "register": 20.0,  # boot, node-start scripts, kubelet
    "readyStock": 60.0,  # from the registered node to Ready
    "readyBaked": 10.0,
    "gpuStock": 90.0,  # from Ready to allocatable GPUs
    "gpuBaked": 8.0,
    "pullStock": 70.0,  # from a bound pod to a running one, where the node has not its image yet
    "pullBaked": 2.0,
}


def seconds(world: World, name: str) -> float:
    """How long `name` takes."""
    return float(world.table("gke.timings").get(name, DEFAULTS[name]))
