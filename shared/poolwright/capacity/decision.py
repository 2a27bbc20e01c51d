"""How many nodes a provisioner should have, and which ones may go: a pure function of rules, observation and time.

The rule, in order: bounds; pending pods and a duty cycle above the maximum ask for more; capacity on its way is
counted before more is bought; below the minimum, nodes that no pod uses may go, one at a time and never into the
buffer of unutilized nodes. What is unknown never takes capacity away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.provisioner import Spec


@dataclass(frozen=True)
class Grow:
    """Add `count` nodes to `group`."""

    group: str
    count: int
    reason: str


@dataclass(frozen=True)
class Shrink:
    """Drain and delete this idle node."""

    node: GpuNode
    reason: str


@dataclass(frozen=True)
class Hold:
    """Nothing to do; the reason says what would change that."""

    reason: str


Decision = Grow | Shrink | Hold


def decide(spec: Spec, seen: Observation, *, changed_at: float, now: float) -> Decision:
    """What to do now. `changed_at`: when this provisioner last changed its capacity (0: never), seconds."""
    wanted, why = _wanted(spec, seen)
    coming = seen.members
    if wanted > coming:
        return _grow(seen, wanted - coming, why)
    if seen.on_the_way:
        return Hold(f"{seen.on_the_way} nodes are on their way; {why}")
    return _shrink(spec, seen, changed_at=changed_at, now=now, why=why)


def _wanted(spec: Spec, seen: Observation) -> tuple[int, str]:
    """Nodes that demand asks for, within the bounds, and why."""
    serving = len(seen.serving)
    asks = [(spec.min_nodes, f"minNodes is {spec.min_nodes}")]
    free = sum(node.gpus - node.used for node in seen.serving)
    if seen.pending:
        missing = max(0, sum(seen.pending) - free)
        extra = math.ceil(missing / seen.gpus_per_node) if seen.gpus_per_node else 0
        asks.append((serving + extra, f"{sum(seen.pending)} GPUs are asked for by waiting pods, {free} are free"))
    high = spec.max_gpu_utilization_percent
    if high is not None and seen.utilization is not None and seen.utilization > high:
        text = f"GPU utilization is {seen.utilization:.0f} %, above {high:.0f} %"
        asks.append((math.ceil(serving * seen.utilization / high), text))
    busy = sum(1 for node in seen.serving if not node.idle)
    if spec.min_unutilized_gpu_nodes:
        asks.append(
            (busy + spec.min_unutilized_gpu_nodes, f"{spec.min_unutilized_gpu_nodes} idle nodes are kept ready")
        )
    wanted, why = max(asks, key=lambda ask: ask[0])
    if wanted > spec.max_nodes:
        return spec.max_nodes, f"{why}, but maxNodes is {spec.max_nodes}"
    return wanted, why


def _grow(seen: Observation, count: int, why: str) -> Decision:
    open_groups = [group for group in seen.groups if not group.refusal]
    if not open_groups:
        return Hold(f"{why}, but no group can grow: {'; '.join(_refusals(seen.groups))}")
    return Grow(group=open_groups[0].name, count=count, reason=why)


def _refusals(groups: tuple[Group, ...]) -> list[str]:
    return [f"{group.name}: {group.refusal}" for group in groups if group.refusal]


def _shrink(spec: Spec, seen: Observation, *, changed_at: float, now: float, why: str) -> Decision:
    low = spec.min_gpu_utilization_percent
    if seen.members > spec.max_nodes:
        reason = f"{seen.members} nodes are more than maxNodes {spec.max_nodes}"
    elif low is None:
        return Hold(f"{why}; no minGPUUtilizationPercent is set, so nothing shrinks")
    elif seen.utilization is None:
        return Hold("GPU utilization is unknown, and unknown never takes capacity away")
    elif seen.utilization >= low:
        return Hold(f"GPU utilization is {seen.utilization:.0f} %, within its band")
    else:
        reason = f"GPU utilization is {seen.utilization:.0f} %, below {low:.0f} %"
    if seen.pending:
        return Hold("pods are waiting for GPUs")
    if now - changed_at < spec.cooldown_seconds:
        return Hold(f"{reason}, but the cooldown of {spec.cooldown_seconds:.0f} s runs")
    if seen.members <= spec.min_nodes:
        return Hold(f"{reason}, but minNodes is {spec.min_nodes}")
    idle = sorted((node for node in seen.nodes if node.idle), key=lambda node: _last_first(seen.groups, node))
    if len(idle) <= spec.min_unutilized_gpu_nodes:
        return Hold(f"{reason}, but no node is idle beyond the buffer of {spec.min_unutilized_gpu_nodes}")
    return Shrink(node=idle[0], reason=f"{reason}, and no pod uses a GPU of {idle[0].name}")


def _last_first(groups: tuple[Group, ...], node: GpuNode) -> tuple[int, str]:
    """The least preferred group gives up its nodes first."""
    order = [group.name for group in groups]
    return (-order.index(node.group) if node.group in order else 0, node.name)
