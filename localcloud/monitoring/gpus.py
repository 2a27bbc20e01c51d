"""What the GPUs of a cluster do: pure arithmetic over nodes and pods (Kubernetes' JSON).

A pod's annotation `localcloud.poolwright.dev/duty-cycle` is the percent of time that the GPUs it requests are busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

ANNOTATION = "localcloud.poolwright.dev/duty-cycle"
GPU = "nvidia.com/gpu"
_GIB = 2**30
# `cloud.google.com/gke-accelerator` -> (model as the driver names it, memory in bytes)
MODELS = {
    "nvidia-l4": ("NVIDIA L4", 24 * _GIB),
    "nvidia-tesla-t4": ("Tesla T4", 16 * _GIB),
    "nvidia-tesla-v100": ("Tesla V100-SXM2-16GB", 16 * _GIB),
    "nvidia-tesla-a100": ("NVIDIA A100-SXM4-40GB", 40 * _GIB),
    "nvidia-a100-80gb": ("NVIDIA A100-SXM4-80GB", 80 * _GIB),
    "nvidia-h100-80gb": ("NVIDIA H100 80GB HBM3", 80 * _GIB),
    "nvidia-h100-mega-80gb": ("NVIDIA H100 80GB HBM3", 80 * _GIB),
    "nvidia-h200-141gb": ("NVIDIA H200", 141 * _GIB),
    "nvidia-b200": ("NVIDIA B200", 180 * _GIB),
}


@dataclass(frozen=True)
class Share:
    """GPUs that one container has, and the percent of time they are busy."""

    namespace: str
    pod: str
    container: str
    gpus: int
    duty_cycle: int


def gpus_of(node: dict[str, Any]) -> int:
    """The GPUs that a node can give to pods now."""
    return int(node.get("status", {}).get("allocatable", {}).get(GPU, 0))


def model_of(node: dict[str, Any]) -> tuple[str, int]:
    """Model and memory of a node's GPUs."""
    accelerator = node.get("metadata", {}).get("labels", {}).get("cloud.google.com/gke-accelerator", "")
    return MODELS.get(accelerator, (accelerator.replace("nvidia-", "NVIDIA ").upper() or "NVIDIA", 16 * _GIB))


def shares_of(node: dict[str, Any], pods: Iterable[dict[str, Any]]) -> list[Share]:
    """Who has a node's GPUs, in the order in which they are handed out."""
    name = node["metadata"]["name"]
    running = [
        each
        for each in pods
        if each.get("spec", {}).get("nodeName") == name and each.get("status", {}).get("phase") == "Running"
    ]
    running.sort(key=lambda each: (each["metadata"].get("namespace", ""), each["metadata"]["name"]))
    return [share for pod in running for share in _shares(pod)]


def _shares(pod: dict[str, Any]) -> Iterator[Share]:
    meta = pod["metadata"]
    duty_cycle = _percent((meta.get("annotations") or {}).get(ANNOTATION, "0"))
    for container in pod["spec"].get("containers", []):
        resources = container.get("resources") or {}
        gpus = int((resources.get("limits") or resources.get("requests") or {}).get(GPU, 0))
        if gpus:
            yield Share(meta.get("namespace", "default"), meta["name"], container["name"], gpus, duty_cycle)


def duty_cycles(total: int, shares: Iterable[Share]) -> list[tuple[int, Share | None]]:
    """Each GPU of a node: its duty cycle, and who has it. A GPU nobody has counts 0."""
    busy: list[tuple[int, Share | None]] = [(each.duty_cycle, each) for each in shares for _ in range(each.gpus)]
    return (busy + [(0, None)] * total)[:total]


def _percent(text: str) -> int:
    try:
        return min(100, max(0, round(float(text))))
    except ValueError:
        return 0
