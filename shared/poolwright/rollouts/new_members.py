"""Which groups may have members that are newer than a moment: pure.

To list the members of a group is a call a group. A group as the aggregated list has it, and the nodes of its cluster,
say for a whole wave in a few calls where there is nothing new to see: no member is being worked on, each is a node, and
each node is older (https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers, `currentActions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from poolwright.nodes import Node

CLOCKS_SECONDS = 60.0  # by how much the clocks of a cluster and of a function may differ


def may_have(group: Mapping[str, Any], nodes: Iterable[Node], *, since: float) -> bool:
    """Whether members made after `since` (seconds since the epoch) may be in the group. `nodes`: of its cluster."""
    base = group.get("baseInstanceName")
    if not base or any(int(count) for action, count in group.get("currentActions", {}).items() if action != "none"):
        return True
    own = [node for node in nodes if node.name.rpartition("-")[0] == base]
    if len(own) != int(group.get("targetSize", 0)):
        return True
    return any(node.created >= since - CLOCKS_SECONDS for node in own)
