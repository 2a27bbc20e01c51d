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
    """Add `count` nodes to `group`. `target`: members that all groups have then, together."""

    group: str
    count: int
    target: int
    reason: str
    would_change_if: str


@dataclass(frozen=True)
class Shrink:
    """Drain and delete these nodes. `target`: members that all groups have then, together."""

    nodes: tuple[GpuNode, ...]
    target: int
    reason: str
    would_change_if: str


@dataclass(frozen=True)
class Hold:
    """Nothing to do. `target`: members that all groups have, together."""

    target: int
    reason: str
    would_change_if: str


Decision = Grow | Shrink | Hold


def decide(spec: Spec, seen: Observation, *, grown_at: float, shrunk_at: float, now: float, at_once: int) -> Decision:
    """What to do now. `grown_at`, `shrunk_at`: when this provisioner last added or took away nodes (0: never), seconds.
    `at_once`: how many nodes of a group may be in hand at one moment."""
    wanted, why = _wanted(spec, seen)
    coming = seen.members
    if wanted > coming:
        return _grow(seen, wanted - coming, why)
    if seen.on_the_way:
        return _hold(seen, f"{seen.on_the_way} nodes are on their way; {why}")
    return _shrink(spec, seen, changed_at=max(grown_at, shrunk_at), now=now, why=why)


def _hold(seen: Observation, reason: str) -> Hold:
    return Hold(target=seen.members, reason=reason, would_change_if="")


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
        return _hold(seen, f"{why}, but no group can grow: {'; '.join(_refusals(seen.groups))}")
    return Grow(group=open_groups[0].name, count=count, target=seen.members + count, reason=why, would_change_if="")


def _refusals(groups: tuple[Group, ...]) -> list[str]:
    return [f"{group.name}: {group.refusal}" for group in groups if group.refusal]


def _shrink(spec: Spec, seen: Observation, *, changed_at: float, now: float, why: str) -> Decision:
    low = spec.min_gpu_utilization_percent
    if seen.members > spec.max_nodes:
        reason = f"{seen.members} nodes are more than maxNodes {spec.max_nodes}"
    elif low is None:
        return _hold(seen, f"{why}; no minGPUUtilizationPercent is set, so nothing shrinks")
    elif seen.utilization is None:
        return _hold(seen, "GPU utilization is unknown, and unknown never takes capacity away")
    elif seen.utilization >= low:
        return _hold(seen, f"GPU utilization is {seen.utilization:.0f} %, within its band")
    else:
        reason = f"GPU utilization is {seen.utilization:.0f} %, below {low:.0f} %"
    if seen.pending:
        return _hold(seen, "pods are waiting for GPUs")
    if now - changed_at < spec.cooldowns.scale_down_seconds:
        return _hold(seen, f"{reason}, but the cooldown of {spec.cooldowns.scale_down_seconds:.0f} s runs")
    if seen.members <= spec.min_nodes:
        return _hold(seen, f"{reason}, but minNodes is {spec.min_nodes}")
    idle = sorted((node for node in seen.nodes if node.idle), key=lambda node: _last_first(seen.groups, node))
    if len(idle) <= spec.min_unutilized_gpu_nodes:
        return _hold(seen, f"{reason}, but no node is idle beyond the buffer of {spec.min_unutilized_gpu_nodes}")
    return Shrink(
        nodes=(idle[0],),
        target=seen.members - 1,
        reason=f"{reason}, and no pod uses a GPU of {idle[0].name}",
        would_change_if="",
    )


def _last_first(groups: tuple[Group, ...], node: GpuNode) -> tuple[int, str]:
    """The least preferred group gives up its nodes first."""
    order = [group.name for group in groups]
    return (-order.index(node.group) if node.group in order else 0, node.name)
