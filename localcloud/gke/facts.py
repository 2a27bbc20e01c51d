"""What a pool's template is made from, gathered once and then only read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from localcloud.compute.catalog import machine
from localcloud.gke import versions

Json = dict[str, Any]

_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
GPU_TAINT = "nvidia.com/gpu=present:NoSchedule"


@dataclass(frozen=True)
class Hardware:
    """CPUs, memory in MiB, GPUs by count and type."""

    cpus: int
    memory_mib: int
    gpus: int = 0
    gpu_type: str = ""


def hardware(machine_type: str, accelerators: list[Json]) -> Hardware:
    """A machine type with what is attached to it: `acceleratorType` and `acceleratorCount`."""
    found = machine(machine_type)
    if found is None:
        raise ValueError(f"no machine type {machine_type!r}; name one that Compute has, such as g2-standard-24")
    gpus, kind = found.accelerators, found.accelerator
    if accelerators:
        gpus, kind = (
            int(accelerators[0].get("acceleratorCount", 0)),
            accelerators[0]["acceleratorType"].rpartition("/")[2],
        )
    return Hardware(found.cpus, found.memory_mb, gpus, kind)


@dataclass(frozen=True)
class PoolFacts:
    """A pool in one of its zones: API objects of cluster and pool, the cluster's and the pool's secrets, the time."""

    cluster: Json
    pool: Json
    pool_path: str
    zone: str
    secrets: dict[str, str]
    uid: str
    issued_at: str

    @property
    def config(self) -> Json:
        """The pool's NodeConfig."""
        found: Json = self.pool["config"]
        return found

    @property
    def version(self) -> str:
        """Of the nodes."""
        return str(self.pool["version"])

    @property
    def machine(self) -> Hardware:
        """What a node has."""
        return hardware(self.config["machineType"], self.config.get("accelerators") or [])

    @property
    def max_pods(self) -> str:
        """Pods a node takes."""
        return str((self.pool.get("maxPodsConstraint") or {}).get("maxPodsPerNode", "110"))

    @property
    def os_distribution(self) -> str:
        """`cos` or `ubuntu`."""
        return "ubuntu" if self.config["imageType"].startswith("UBUNTU") else "cos"

    @property
    def provisioning(self) -> str:
        """`standard`, `spot` or `preemptible`."""
        return "spot" if self.config.get("spot") else "preemptible" if self.config.get("preemptible") else "standard"

    @property
    def taints(self) -> list[str]:
        """key=value:Effect, GKE's own for GPU nodes included."""
        own = [taint_text(each) for each in self.config.get("taints") or []]
        gpu = [GPU_TAINT] if self.machine.gpus and not any(t.startswith("nvidia.com/gpu=") for t in own) else []
        return own + gpu

    @property
    def node_labels(self) -> dict[str, str]:
        """Labels that the kubelet registers with: GKE's and the pool's own."""
        family = self.config["machineType"].split("-")[0]
        labels = {
            "cloud.google.com/gke-boot-disk": self.config["diskType"],
            "cloud.google.com/gke-container-runtime": "containerd",
            "cloud.google.com/gke-cpu-scaling-level": str(self.machine.cpus),
            "cloud.google.com/gke-logging-variant": "DEFAULT",
            "cloud.google.com/gke-max-pods-per-node": self.max_pods,
            "cloud.google.com/gke-memory-gb-scaling-level": str(self.machine.memory_mib // 1024),
            "cloud.google.com/gke-nodepool": self.pool["name"],
            "cloud.google.com/gke-os-distribution": self.os_distribution,
            "cloud.google.com/gke-provisioning": self.provisioning,
            "cloud.google.com/gke-stack-type": "IPV4",
            "cloud.google.com/machine-family": family,
            "cloud.google.com/private-node": "false",
        }
        if self.machine.gpus:
            labels["cloud.google.com/gke-accelerator"] = self.machine.gpu_type
            labels["cloud.google.com/gke-gpu"] = "true"
            labels["cloud.google.com/gke-accelerator-count"] = str(self.machine.gpus)
            labels["cloud.google.com/gke-gpu-driver-version"] = "default"
        if self.provisioning != "standard":
            labels[f"cloud.google.com/gke-{self.provisioning}"] = "true"
        return labels | dict(self.config.get("labels") or {})

    @property
    def source_image(self) -> str:
        """The stock boot image as a Compute path."""
        return versions.image_path(self.version, self.config["imageType"])

    def digest(self, what: str) -> str:
        """The checksum of a release file: the same for the same version."""
        return hashlib.sha512(f"{what} {self.version}".encode()).hexdigest()


def taint_text(taint: Json) -> str:
    """`key=value:Effect` of an API taint."""
    effect = _EFFECTS.get(str(taint.get("effect")), "NoSchedule")
    return f"{taint.get('key', '')}={taint.get('value', '')}:{effect}"
