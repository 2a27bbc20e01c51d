"""What GKE leaves of a machine to pods (https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes)."""

from __future__ import annotations


def _portions(amount: float, steps: list[tuple[float, float]]) -> float:
    """A share of each portion of an amount: (portion, share) pairs, the last without end."""
    reserved = 0.0
    for portion, share in steps:
        part = min(amount, portion)
        reserved += part * share
        amount -= part
    return reserved


def reserved_memory_mib(total_mib: float) -> int:
    """What kube-reserved takes of the memory."""
    gib = 1024.0
    steps = [(4 * gib, 0.25), (4 * gib, 0.2), (8 * gib, 0.1), (112 * gib, 0.06), (float("inf"), 0.02)]
    return int(_portions(total_mib, steps)) if total_mib >= gib else 255


def reserved_cpu_millis(cpus: int) -> int:
    """What kube-reserved takes of the CPUs."""
    return int(_portions(cpus * 1000.0, [(1000, 0.06), (1000, 0.01), (2000, 0.005), (float("inf"), 0.0025)]))
