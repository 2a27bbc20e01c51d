"""`minUnutilizedGPUNodes` nodes have all their GPUs free, also once the pods that wait have found theirs."""

from __future__ import annotations

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask, nodes
from poolwright.capacity.provisioner import Spec


def asks(spec: Spec, seen: Observation, *, added: int, filled: int) -> Ask | None:
    """`added`: nodes of one group that waiting pods need beyond what is free or on its way, `filled`: empty nodes that
    they take."""
    if not spec.min_unutilized_gpu_nodes:
        return None
    idle = seen.idle + seen.on_the_way - filled
    return Ask(
        members=seen.members + added + spec.min_unutilized_gpu_nodes - idle,
        reason=f"{nodes(idle)} idle or on the way{' once waiting pods are placed' if seen.pending else ''}, "
        f"minUnutilizedGPUNodes is {spec.min_unutilized_gpu_nodes}",
        would_change_if="pods leave a node, or minUnutilizedGPUNodes is lowered",
    )


def watches(spec: Spec) -> str:
    count = spec.min_unutilized_gpu_nodes
    return f"fewer than {nodes(count)} {'is' if count == 1 else 'are'} idle" if count else ""
