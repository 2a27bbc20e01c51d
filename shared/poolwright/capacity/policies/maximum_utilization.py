"""GPUs busier than `maxGPUUtilizationPercent` get company, so much that the same load is no more than that."""

from __future__ import annotations

import math

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask
from poolwright.capacity.provisioner import Spec


def asks(spec: Spec, seen: Observation) -> Ask | None:
    """Nodes whose duty cycle is not known count as idle: it is above the maximum only if it is so for certain."""
    high, serving = spec.max_gpu_utilization_percent, len(seen.serving)
    if high is None or not serving or seen.load / serving <= high:
        return None
    enough = math.ceil(seen.load / high) if high else spec.max_nodes
    least = "" if seen.utilization is not None else "at least "
    return Ask(
        members=enough + seen.out_of_service,
        reason=f"GPU utilization is {least}{seen.load / serving:.0f} %, above maxGPUUtilizationPercent {high:g}",
        would_change_if=f"GPU utilization falls to {high:g} % or below",
    )


def watches(spec: Spec) -> str:
    high = spec.max_gpu_utilization_percent
    return "" if high is None else f"GPU utilization rises above {high:g} %"
