"""A node as its kubelet and GKE's cloud controller register it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from localcloud.gke import kube_env, machines, names, versions
from localcloud.gke.facts import Hardware, hardware

Json = dict[str, Any]

LEASES = "kube-node-lease"
# What every node holds before any workload came; a node lists 50 at most.
SYSTEM_IMAGES = (
    ("gke.gcr.io/pause:3.10", 320_368),
    ("gke.gcr.io/kube-proxy-amd64", 104_000_000),
    ("gke.gcr.io/fluent-bit", 98_000_000),
    ("gke.gcr.io/nvidia-gpu-device-plugin", 62_000_000),
)


def clock(seconds: float) -> str:
    """metav1.Time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hardware_of(instance: Json) -> Hardware:
    """What a VM has."""
    attached = [
        {"acceleratorType": each["acceleratorType"], "acceleratorCount": each["acceleratorCount"]}
        for each in instance.get("guestAccelerators", [])
    ]
    return hardware(instance["machineType"].rpartition("/")[2], attached)


def new_node(*, instance: Json, env: dict[str, str], version: str, images: list[Json], now: float) -> Json:
    """The node of a VM, not Ready, without GPUs. Raises kube_env.Unreadable, as its kubelet would not start."""
    return {
        "metadata": {
            "name": instance["name"],
            "labels": {**_own_labels(env), **_cloud_labels(instance)},
            "annotations": {"container.googleapis.com/instance_id": instance["id"]},
        },
        "spec": {"providerID": provider_id(instance), "taints": taints(env)},
        "status": {
            "capacity": capacity(instance),
            "allocatable": allocatable(instance),
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", now),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", now),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", now),
                condition("Ready", "False", "KubeletNotReady", now),
            ],
            "addresses": addresses(instance),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": node_info(instance, env, version),
            "images": images,
        },
    }


def provider_id(instance: Json) -> str:
    """gce://project/zone/name."""
    parts = instance["selfLink"].removeprefix(names.COMPUTE_ROOT).split("/")
    return f"gce://{parts[1]}/{parts[3]}/{instance['name']}"


def _own_labels(env: dict[str, str]) -> dict[str, str]:
    """What the kubelet was told to say of itself."""
    pairs = (each.partition("=") for each in kube_env.flag(env, "node-labels").split(",") if each)
    return {key: value for key, _, value in pairs}


def _cloud_labels(instance: Json) -> dict[str, str]:
    zone = instance["zone"].rpartition("/")[2]
    region, kind = names.region_of(zone), instance["machineType"].rpartition("/")[2]
    return {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": kind,
        "beta.kubernetes.io/os": "linux",
        "failure-domain.beta.kubernetes.io/region": region,
        "failure-domain.beta.kubernetes.io/zone": zone,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": instance["name"],
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": kind,
        "topology.gke.io/zone": zone,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    }


def taints(env: dict[str, str]) -> list[Json]:
    """`key=value:Effect,...` of the kubelet's command line."""
    found = []
    for each in kube_env.flag(env, "register-with-taints").split(","):
        if each:
            pair, _, effect = each.rpartition(":")
            key, _, value = pair.partition("=")
            found.append({"key": key, "effect": effect} | ({"value": value} if value else {}))
    return found


def capacity(instance: Json) -> Json:
    """All there is, GPUs left out: the device plugin adds them."""
    found = hardware_of(instance)
    disk = int(instance["disks"][0].get("diskSizeGb", 100)) if instance.get("disks") else 100
    return {
        "cpu": str(found.cpus),
        "memory": f"{int(found.memory_mib * 1024 * 0.985)}Ki",
        "ephemeral-storage": f"{disk * 1024 * 1024 * 95 // 100}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "pods": "110",
    }


def allocatable(instance: Json) -> Json:
    """What GKE leaves to pods."""
    found, whole = hardware_of(instance), capacity(instance)
    free = int(found.memory_mib * 0.985) - machines.reserved_memory_mib(found.memory_mib) - 100
    disk = int(whole["ephemeral-storage"][:-2])
    return whole | {
        "cpu": f"{found.cpus * 1000 - machines.reserved_cpu_millis(found.cpus)}m",
        "memory": f"{free * 1024}Ki",
        "ephemeral-storage": str(int(disk * 1024 * 0.5)),
    }


def addresses(instance: Json) -> list[Json]:
    """Inside, outside, names."""
    interface = (instance.get("networkInterfaces") or [{}])[0]
    found = [{"type": "InternalIP", "address": interface.get("networkIP", "10.128.0.2")}]
    for access in interface.get("accessConfigs", []):
        if access.get("natIP"):
            found.append({"type": "ExternalIP", "address": access["natIP"]})
    return [*found, {"type": "Hostname", "address": instance["name"]}]


def node_info(instance: Json, env: dict[str, str], version: str) -> Json:
    """status.nodeInfo."""
    image_type = "UBUNTU" if "os_distribution=ubuntu" in env.get("AUTOSCALER_ENV_VARS", "") else "COS_CONTAINERD"
    return {
        "machineID": f"{int(instance['id']):032x}",
        "systemUUID": f"{int(instance['id']):032x}",
        "bootID": f"{int(instance['id']) ^ 0x5DEECE66D:032x}",
        "kernelVersion": "6.6.105+",
        "osImage": versions.os_image(version, image_type),
        "containerRuntimeVersion": "containerd://2.0.6",
        "kubeletVersion": f"v{version}",
        "kubeProxyVersion": f"v{version}",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }


def image(name: str, size: int) -> Json:
    """An entry of status.images."""
    return {"names": [name], "sizeBytes": size}


def condition(kind: str, status: str, reason: str, now: float) -> Json:
    """An entry of status.conditions."""
    message = {
        "Ready": "kubelet is posting ready status" if status == "True" else "container runtime network not ready"
    }
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message.get(kind, "kubelet has sufficient resources available"),
        "lastHeartbeatTime": clock(now),
        "lastTransitionTime": clock(now),
    }


def lease(name: str, now: float) -> Json:
    """The node's heartbeat."""
    renewed = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "metadata": {"name": name, "namespace": LEASES},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renewed},
    }
