"""GPUs less busy than `minGPUUtilizationPercent` are too many: the fewest nodes that carry the load in comfort will do.

In comfort is up to the middle of the band, between the minimum and the maximum (100 % where there is none). So what was
taken away is not asked for again while the load is the same; and what was added because of the maximum stays, since
the load divided by the middle is never fewer nodes than the load divided by the maximum.
"""

from __future__ import annotations

import math

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask, nodes
from poolwright.capacity.provisioner import Spec


def asks(spec: Spec, seen: Observation) -> Ask | None:
    """None without the rule, and while the utilization is within the band or unknown. Asks for what there is where one
    node less would be too few."""
    low, utilization = spec.min_gpu_utilization_percent, seen.utilization
    if low is None or utilization is None or utilization >= low:
        return None
    comfort = (low + _high(spec)) / 2
    biggest = max(node.gpus for node in seen.serving)
    needless = math.floor((seen.gpus - seen.load / comfort) / biggest)
    reason = f"GPU utilization is {utilization:.0f} %, below minGPUUtilizationPercent {low:g}"
    if not needless:
        reason += f", but {nodes(len(seen.serving) - 1)} would be busier than {comfort:g} %, the middle of the band"
    return Ask(
        members=seen.members - needless,
        reason=reason,
        would_change_if=f"GPU utilization rises to {low:g} % or above",
    )


def watches(spec: Spec) -> str:
    low = spec.min_gpu_utilization_percent
    return "" if low is None else f"GPU utilization falls below {low:g} %"


def _high(spec: Spec) -> float:
    return 100 if spec.max_gpu_utilization_percent is None else spec.max_gpu_utilization_percent
