"""Gate: every node that was made from our template joins its cluster and turns Ready in time."""

from __future__ import annotations

from poolwright.rollouts.gates.evidence import BootedNode, Evidence
from poolwright.rollouts.gates.result import GateResult

NAME = "node ready"


def judge(seen: Evidence) -> GateResult:
    """A node that could not be made fails the wave at once, unless there is no room for it: that is weather."""
    if not seen.nodes:
        return GateResult(gate=NAME, verdict="unproven", reason=f"no node of {seen.wave} booted the image")
    for node in seen.nodes:
        if not node.registered and node.errors and not is_weather(node.errors[0]):
            return GateResult(
                gate=NAME, verdict="failed", reason=f"node {node.name} could not be made: {node.errors[0]}"
            )
    late = [node for node in seen.nodes if not (node.registered and node.ready)]
    overdue = [node for node in late if seen.now - node.since > seen.node_ready_seconds and not _has_no_room(node)]
    if overdue:
        text = "; ".join(what_is_missing(node) for node in overdue)
        return GateResult(gate=NAME, verdict="failed", reason=f"{text} after {seen.node_ready_seconds:.0f} s")
    if late:
        return GateResult(gate=NAME, verdict="not yet", reason="; ".join(what_is_missing(node) for node in late))
    count = len(seen.nodes)
    return GateResult(
        gate=NAME,
        verdict="passed",
        reason=f"{count} of {count} nodes of {seen.wave} that were made from our template are Ready",
    )


def what_is_missing(node: BootedNode) -> str:
    """Why a node does not serve yet, as a clause."""
    if not node.registered:
        return f"node {node.name} has not joined its cluster" + (f": {node.errors[0]}" if node.errors else "")
    if not node.ready:
        return f"node {node.name} is not Ready"
    return f"node {node.name} has {node.gpus} of {node.gpus_expected} GPUs allocatable"


def _has_no_room(node: BootedNode) -> bool:
    return not node.registered and bool(node.errors)


def is_weather(error: str) -> bool:
    """Whether a member's error (`CODE: message`) says stockout or quota: no fault of the image, and it may pass
    (https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation)."""
    code = error.partition(":")[0]
    return "RESOURCE_POOL_EXHAUSTED" in code or "QUOTA" in code or "STOCKOUT" in code
