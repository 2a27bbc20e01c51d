"""Which groups grow, and which nodes go."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.policies import some
from poolwright.capacity.provisioner import Spec

MOST_AT_ONCE = 1000
"""Instances that one createInstances or deleteInstances takes
(https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/createInstances)."""


def that_can_grow(spec: Spec, seen: Observation) -> list[Group]:
    """First those with unused reserved nodes, which are paid for; then the others in their order."""
    able = [group for group in _ranked(spec, seen) if not group.refusal]
    return sorted(able, key=lambda group: not group.reserved_free)


def most_of(group: Group) -> int:
    """How many nodes it is asked for at once: of a reservation what is unused; the next step goes on."""
    return min(group.reserved_free or MOST_AT_ONCE, MOST_AT_ONCE)


def why(spec: Spec, seen: Observation, group: Group) -> str:
    """Why it is this group that grows and not the preferred one, empty where it is."""
    if group.reserved_free:
        return f"{group.name} has {group.reserved_free} reserved and unused"
    before = _ranked(spec, seen)
    passed = [each for each in before[: before.index(group)] if each.refusal]
    return "; ".join(f"not {each.name}: {each.refusal}" for each in passed)


def refusals(seen: Observation) -> str:
    """Why each group that cannot grow cannot."""
    return "; ".join(f"{group.name}: {group.refusal}" for group in seen.groups if group.refusal)


def _ranked(spec: Spec, seen: Observation) -> list[Group]:
    """The preferred group first: as the spec lists them, or the cheapest."""
    if spec.order == "priority":
        return list(seen.groups)
    prices = spec.price_per_node_hour
    return sorted(seen.groups, key=lambda group: prices.get(group.name, math.inf))


@dataclass
class Leaving:
    """Nodes that may go now, and what keeps others that were looked at, one sentence each."""

    nodes: list[GpuNode] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def why_not(self) -> str:
        """What keeps the first few."""
        return some(self.kept, between="; ")


def that_may_go(spec: Spec, seen: Observation, *, count: int, over: int, at_once: int) -> Leaving:
    """At most `count` nodes. `over`: how many there are beyond maxNodes, for which the buffer gives way. `at_once`:
    how many nodes of a group may be in hand.

    Idle nodes go together, being of no use to anybody; a busy one goes alone and only where no idle one can, as each
    changes what the next would find (so does the cluster autoscaler: max-drain-parallelism is 1). Nodes that were let
    go come last, or one that cannot be emptied would keep the others.
    """
    ranks = {group.name: place for place, group in enumerate(reversed(_ranked(spec, seen)))}
    reserved = {group.name for group in seen.groups if group.reserved or group.reserved_free}
    left = Counter({group.name: at_once for group in seen.groups})
    left.subtract(node.group for node in seen.nodes if node.cordoned and not node.suspended)
    order = sorted(
        seen.serving,
        key=lambda node: (
            not node.idle,
            node.spared_at,
            node.group in reserved,
            node.movable,
            ranks.get(node.group, 0),
            node.name,
        ),
    )
    leaving = Leaving()
    kept = 0 if over else spec.min_unutilized_gpu_nodes
    most = min(count, MOST_AT_ONCE, max(over, seen.idle - spec.min_unutilized_gpu_nodes))
    for node in order:
        if not node.idle and leaving.nodes:
            break
        if node.idle and len(leaving.nodes) >= most:
            leaving.kept.append(f"{node.name}: minUnutilizedGPUNodes is {spec.min_unutilized_gpu_nodes}")
            continue
        if reason := _stays(seen, node, left=left[node.group], kept=kept):
            leaving.kept.append(f"{node.name}: {reason}")
            continue
        leaving.nodes.append(node)
        left[node.group] -= 1
    return leaving


def _stays(seen: Observation, node: GpuNode, *, left: int, kept: int) -> str:
    """Why this node does not go now, empty where it may."""
    if left <= 0:
        return f"as many nodes of {node.group} as may be are cordoned already"
    if node.objection:
        return node.objection
    if node.idle:
        return ""
    if sum(node.gpu_pods) != node.used:
        return "its GPU pods are not known one by one"
    biggest = max(node.gpu_pods)
    places = sum(
        free // biggest * count
        for (free, _, group), count in seen.room.items()
        if not node.serves_them or group in node.serves_them
    )
    if places - node.free // biggest < len(node.gpu_pods):
        return "its GPU pods may not find room elsewhere"
    if kept and seen.idle - len(node.gpu_pods) < kept:
        return "its GPU pods may go to the nodes that are kept idle"
    return ""
