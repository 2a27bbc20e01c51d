"""GPUs busier than `maxGPUUtilizationPercent` get company, so much that the same load is no more than that."""

from __future__ import annotations

import math

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask
from poolwright.capacity.provisioner import Spec


def asks(spec: Spec, seen: Observation, *, gpus_per_node: int) -> Ask | None:
    """`gpus_per_node`: those of a node that would be added. Nodes whose duty cycle is not known count as idle: the
    utilization is above the maximum only if it is so for certain."""
    high = spec.max_gpu_utilization_percent
    if high is None or not seen.gpus or seen.load / seen.gpus <= high:
        return None
    least = "at least " if seen.utilization is None else ""
    return Ask(
        members=seen.members - seen.on_the_way + _added(seen, high, gpus_per_node) if high else spec.max_nodes,
        reason=f"GPU utilization is {least}{seen.load / seen.gpus:.0f} %, above maxGPUUtilizationPercent {high:g}",
        would_change_if=f"GPU utilization falls to {high:g} % or below",
    )


def _added(seen: Observation, high: float, gpus_per_node: int) -> int:
    return math.ceil((seen.load / high - seen.gpus) / gpus_per_node) if gpus_per_node else 0


def watches(spec: Spec) -> str:
    high = spec.max_gpu_utilization_percent
    return "" if high is None else f"GPU utilization rises above {high:g} %"
