"""What hardware there is: machine types and accelerators with their real numbers
(https://cloud.google.com/compute/docs/machine-resource, https://cloud.google.com/compute/docs/gpus)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from localcloud.compute.places import ZONES

GIB = 1024


@dataclass(frozen=True)
class Accelerator:
    """A GPU: its words, its quota, what one machine may hold, the regions that have it."""

    description: str
    quota: str
    most: int
    regions: frozenset[str]


@dataclass(frozen=True)
class Machine:
    """A machine type."""

    name: str
    cpus: int
    memory_mb: int
    architecture: str = "X86_64"
    accelerator: str = ""
    accelerators: int = 0
    shared: bool = False
    local_ssds: int = 0

    @property
    def family(self) -> str:
        """`a3` of `a3-highgpu-8g`."""
        return self.name.partition("-")[0]

    @property
    def description(self) -> str:
        """Google's words, such as `Accelerator Optimized: 1 NVIDIA L4 GPU, 4 vCPUs, 16GB RAM`."""
        memory = f"{self.memory_mb / GIB:g}"
        if self.accelerator:
            gpu = ACCELERATORS[self.accelerator].description
            many = "s" if self.accelerators > 1 else ""
            gpus = f"{self.accelerators} {gpu} GPU{many}"
            return f"Accelerator Optimized: {gpus}, {self.cpus} vCPUs, {memory}GB RAM"
        return f"{self.cpus} vCPU{'s' if self.cpus > 1 else ''}, {memory} GB RAM"


def _in(*regions: str) -> frozenset[str]:
    return frozenset(regions)


ACCELERATORS = {
    "nvidia-l4": Accelerator("NVIDIA L4", "NVIDIA_L4_GPUS", 8, _in(
        "us-central1", "us-east1", "us-east4", "us-west1", "us-west4", "europe-west1", "europe-west2", "europe-west3",
        "europe-west4", "asia-east1", "asia-northeast1", "asia-northeast3", "asia-south1", "asia-southeast1")),
    "nvidia-tesla-t4": Accelerator("NVIDIA T4", "NVIDIA_T4_GPUS", 4, _in(
        "us-central1", "us-east1", "us-east4", "us-west1", "us-west2", "us-west3", "us-west4", "europe-west1",
        "europe-west2", "europe-west3", "europe-west4", "asia-east1", "asia-northeast1", "asia-south1",
        "asia-southeast1")),
    "nvidia-tesla-v100": Accelerator("NVIDIA V100", "NVIDIA_V100_GPUS", 8, _in(
        "us-central1", "us-east1", "us-west1", "europe-west4", "asia-east1")),
    "nvidia-tesla-p100": Accelerator("NVIDIA Tesla P100", "NVIDIA_P100_GPUS", 4, _in(
        "us-central1", "us-east1", "us-west1", "europe-west1", "europe-west4", "asia-east1")),
    "nvidia-tesla-p4": Accelerator("NVIDIA Tesla P4", "NVIDIA_P4_GPUS", 4, _in(
        "us-central1", "us-east4", "us-west2", "europe-west4", "asia-southeast1")),
    "nvidia-tesla-a100": Accelerator("NVIDIA A100 40GB", "NVIDIA_A100_GPUS", 16, _in(
        "us-central1", "us-east1", "us-west1", "us-west3", "us-west4", "europe-west4", "asia-northeast1",
        "asia-northeast3", "asia-southeast1")),
    "nvidia-a100-80gb": Accelerator("NVIDIA A100 80GB", "NVIDIA_A100_80GB_GPUS", 8, _in(
        "us-central1", "us-east4", "us-east5", "europe-west4", "asia-southeast1")),
    "nvidia-h100-80gb": Accelerator("NVIDIA H100 80GB", "NVIDIA_H100_GPUS", 8, _in(
        "us-central1", "us-east4", "us-east5", "us-west1", "us-west4", "europe-west1", "europe-west4",
        "asia-northeast1", "asia-southeast1")),
    "nvidia-h100-mega-80gb": Accelerator("NVIDIA H100 80GB MEGA", "NVIDIA_H100_MEGA_GPUS", 8, _in(
        "us-central1", "us-east4", "us-east5", "us-west1", "us-west4", "europe-west4", "asia-northeast1",
        "asia-southeast1")),
    "nvidia-h200-141gb": Accelerator("NVIDIA H200 141GB", "NVIDIA_H200_GPUS", 8, _in(
        "us-central1", "us-east4", "us-east5", "us-south1", "us-west1", "europe-west1")),
}  # fmt: skip


def _machines() -> Iterable[Machine]:
    yield Machine("f1-micro", 1, 614, shared=True)
    yield Machine("g1-small", 1, 1740, shared=True)
    for size, memory in (("micro", 1), ("small", 2), ("medium", 4)):
        yield Machine(f"e2-{size}", 2, memory * GIB, shared=True)
    shapes: list[tuple[str, str, dict[str, float], tuple[int, ...]]] = [
        ("e2", "X86_64", {"standard": 4, "highmem": 8, "highcpu": 1}, (2, 4, 8, 16, 32)),
        ("n1", "X86_64", {"standard": 3.75, "highmem": 6.5, "highcpu": 0.9}, (1, 2, 4, 8, 16, 32, 64, 96)),
        ("n2", "X86_64", {"standard": 4, "highmem": 8, "highcpu": 1}, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)),
        ("n2d", "X86_64", {"standard": 4, "highmem": 8, "highcpu": 1}, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224)),
        ("c3", "X86_64", {"standard": 4, "highmem": 8, "highcpu": 2}, (4, 8, 22, 44, 88, 176)),
        ("c2", "X86_64", {"standard": 4}, (4, 8, 16, 30, 60)),
        ("t2d", "X86_64", {"standard": 4}, (1, 2, 4, 8, 16, 32, 48, 60)),
        ("t2a", "ARM64", {"standard": 4}, (1, 2, 4, 8, 16, 32, 48)),
        ("c4a", "ARM64", {"standard": 4, "highmem": 8, "highcpu": 2}, (1, 2, 4, 8, 16, 32, 48, 64, 72)),
    ]
    for family, architecture, kinds, sizes in shapes:
        for kind, ratio in kinds.items():
            for cpus in sizes:
                odd = _ODD_SIZES.get((family, kind))
                if odd is None or cpus in odd:
                    memory = int(_ODD_MEMORY.get(f"{family}-{kind}-{cpus}", cpus * ratio) * GIB)
                    yield Machine(f"{family}-{kind}-{cpus}", cpus, memory, architecture)
    yield from _accelerated()


_ODD_SIZES = {
    ("e2", "highmem"): (2, 4, 8, 16),
    ("n1", "highmem"): (2, 4, 8, 16, 32, 64, 96),
    ("n1", "highcpu"): (2, 4, 8, 16, 32, 64, 96),
    ("n2", "highcpu"): (2, 4, 8, 16, 32, 48, 64, 80, 96),
    ("n2d", "highmem"): (2, 4, 8, 16, 32, 48, 64, 80, 96),
}
_ODD_MEMORY = {"n1-highmem-96": 624, "n1-highcpu-96": 86.4, "n2-highmem-128": 864}


def _accelerated() -> Iterable[Machine]:
    for cpus, gpus in ((4, 1), (8, 1), (12, 1), (16, 1), (24, 2), (32, 1), (48, 4), (96, 8)):
        yield Machine(f"g2-standard-{cpus}", cpus, cpus * 4 * GIB, "X86_64", "nvidia-l4", gpus, local_ssds=gpus)
    for gpus in (1, 2, 4, 8):
        yield Machine(f"a2-highgpu-{gpus}g", 12 * gpus, 85 * gpus * GIB, "X86_64", "nvidia-tesla-a100", gpus)
        yield Machine(
            f"a2-ultragpu-{gpus}g", 12 * gpus, 170 * gpus * GIB, "X86_64", "nvidia-a100-80gb", gpus, local_ssds=gpus
        )
    yield Machine("a2-megagpu-16g", 96, 1360 * GIB, "X86_64", "nvidia-tesla-a100", 16)
    for gpus in (1, 2, 4, 8):
        yield Machine(
            f"a3-highgpu-{gpus}g", 26 * gpus, 234 * gpus * GIB, "X86_64", "nvidia-h100-80gb", gpus, local_ssds=2 * gpus
        )
    yield Machine("a3-megagpu-8g", 208, 1872 * GIB, "X86_64", "nvidia-h100-mega-80gb", 8, local_ssds=16)
    yield Machine("a3-edgegpu-8g", 208, 1872 * GIB, "X86_64", "nvidia-h100-80gb", 8, local_ssds=16)
    yield Machine("a3-ultragpu-8g", 224, 2952 * GIB, "X86_64", "nvidia-h200-141gb", 8, local_ssds=32)


@lru_cache(maxsize=1)
def machines() -> dict[str, Machine]:
    """All machine types by name."""
    return {each.name: each for each in sorted(_machines(), key=lambda each: each.name)}


def accelerators_of(zone: str) -> list[str]:
    """Accelerator types that a zone's region has."""
    return sorted(name for name, each in ACCELERATORS.items() if ZONES[zone] in each.regions)


def machine(name: str) -> Machine | None:
    """A machine type, custom ones (`n2-custom-4-8192`, `custom-2-4096`) included."""
    known = machines().get(name)
    if known is not None:
        return known
    parts = name.removesuffix("-ext").split("-")
    if len(parts) in (3, 4) and parts[-3] == "custom" and parts[-2].isdigit() and parts[-1].isdigit():
        return Machine(name, int(parts[-2]), int(parts[-1]))
    return None


def machines_of(zone: str) -> list[Machine]:
    """Machine types of a zone: all but those whose accelerator it has not."""
    there = set(accelerators_of(zone))
    return [each for each in machines().values() if not each.accelerator or each.accelerator in there]
