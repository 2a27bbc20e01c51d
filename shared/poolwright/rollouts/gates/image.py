"""Gate: every node really runs on our boot image.

That a member's `version` names our template is not yet proof: it is the version that the group intends for it
(https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/listManagedInstances). The boot disk of
its VM is: `sourceImage` is the image that the disk was made of
(https://cloud.google.com/compute/docs/reference/rest/v1/disks), and the VM knows no other.
"""

from __future__ import annotations

from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.result import GateResult

NAME = "expected image"


def judge(seen: Evidence) -> GateResult | None:
    """Asked of the nodes that have joined."""
    joined = [node for node in seen.nodes if node.registered]
    if not joined:
        return None
    for node in joined:
        if node.booted and node.booted != seen.image:
            reason = f"node {node.name} booted {node.booted}, not {seen.image}"
            return GateResult(gate=NAME, verdict="failed", reason=reason)
    doubtful = [node for node in joined if not node.booted]
    if doubtful:
        late = any(seen.now - node.since > seen.node_ready_seconds for node in doubtful)
        names = ", ".join(node.name for node in doubtful)
        reason = f"Compute knows no boot disk that was made of {seen.image} for {names}"
        return GateResult(gate=NAME, verdict="failed" if late else "not yet", reason=reason)
    return GateResult(
        gate=NAME, verdict="passed", reason=f"the boot disks of {len(joined)} nodes were made of {seen.image}"
    )
