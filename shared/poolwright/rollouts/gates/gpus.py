"""Gate: as many GPUs are allocatable as the machine has. They come minutes after the node is Ready."""

from __future__ import annotations

from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.ready import what_is_missing
from poolwright.rollouts.gates.result import GateResult

NAME = "GPUs allocatable"


def judge(seen: Evidence) -> GateResult | None:
    """Asked of the nodes that are Ready."""
    ready = [node for node in seen.nodes if node.registered and node.ready]
    if not ready:
        return None
    late = [node for node in ready if not node.healthy]
    overdue = [node for node in late if seen.now - node.since > seen.node_ready_seconds]
    if overdue:
        text = "; ".join(what_is_missing(node) for node in overdue)
        return GateResult(gate=NAME, verdict="failed", reason=f"{text} after {seen.node_ready_seconds:.0f} s")
    if late:
        return GateResult(gate=NAME, verdict="not yet", reason="; ".join(what_is_missing(node) for node in late))
    total = sum(node.gpus for node in ready)
    return GateResult(gate=NAME, verdict="passed", reason=f"{total} GPUs of {len(ready)} nodes are allocatable")
