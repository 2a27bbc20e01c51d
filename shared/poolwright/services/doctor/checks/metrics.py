"""Whether it can be known how busy GPUs are."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import ClusterSeen, Sight
from poolwright.services.ports import Listed

says = Says("metrics")
KINDS = "https://cloud.google.com/kubernetes-engine/docs/how-to/dcgm-metrics"


def check(sight: Sight) -> Iterator[Finding]:
    """The duty cycle of each cluster that has nodes with GPUs."""
    for cluster in sight.clusters:
        if isinstance(cluster.gke, Unknown):
            continue  # which other checks say
        nodes = _nodes(sight, cluster)
        seen = cluster.duty_cycle
        where, policy = cluster.ref.name, cluster.environment.capacity
        if isinstance(seen, Unknown):
            yield says.unknown(where, seen) if not seen.absent else _nothing(cluster, seen.why)
        elif nodes and not seen:
            yield _nothing(cluster, f"{policy.duty_cycle_metric} has no point of the last {policy.max_age_seconds:g} s")
        else:
            ok = (
                f"the duty cycle is known of {len(seen)} node{'' if len(seen) == 1 else 's'}"
                if nodes
                else "no node with GPUs now"
            )
            yield from says.or_ok((), where, ok)


def _nothing(cluster: ClusterSeen, why: str) -> Finding:
    todo = f"See capacity.dutyCycleMetric in environments/{cluster.environment.name}.yaml, and {KINDS}"
    return says.problem(cluster.ref.name, f"{why}: GPU utilization is unknown, and nothing is scaled by it", todo)


def _nodes(sight: Sight, cluster: ClusterSeen) -> int:
    """How many nodes with GPUs its groups are to have; none where Compute did not say."""
    listed = sight.fleets[cluster.ref.project].groups
    if not isinstance(listed, Listed):
        return 0
    groups = {group.name for pool in cluster.pools if pool.accelerators for group in pool.groups}
    return sum(int(each.get("targetSize", 0)) for each in listed if each["name"] in groups)
