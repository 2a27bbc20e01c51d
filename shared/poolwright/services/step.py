"""One bounded step of a rollout, target, group, provisioner or cluster; the next one, if any, is another message."""

from __future__ import annotations

from dataclasses import replace

from poolwright.events.work import ClusterWork, GroupWork, ProvisionerWork, RetentionWork, RolloutWork, TargetWork, Work
from poolwright.services import leases, stop
from poolwright.services.ports import Ports
from poolwright.services.work import Done, publish
from poolwright.verdicts import Irrelevant


def handle(work: Work, ports: Ports) -> str:
    """Take the step, alone; none while poolwright is stopped. Irrelevant, Busy."""
    if why := stop.stopped(ports):
        return f"not taken: {why}"
    try:
        with leases.Holding(ports, _name(work)) as holding:
            done = _take(work, ports)
    except leases.Held as reason:
        return f"left to whoever is at it: {reason}"
    if done.again or holding.asked:
        publish(ports, replace(work, cause=f"after: {done.sentence}"[:200]))
    return done.sentence


def _name(work: Work) -> str:
    if isinstance(work, RolloutWork):
        return f"step/rollout/{work.rollout}"
    if isinstance(work, TargetWork):
        return f"step/target/{work.rollout}|{work.group}"
    if isinstance(work, GroupWork):
        return f"step/group/{work.project}/{work.zone}/{work.name}"
    if isinstance(work, RetentionWork):
        return f"step/retention/{work.environment}"
    if isinstance(work, ClusterWork):
        return f"step/cluster/{work.project}/{work.location}/{work.cluster}"
    return f"step/provisioner/{work.project}/{work.location}/{work.cluster}/{work.name}"


def _take(work: Work, ports: Ports) -> Done:
    """Each kind's service is imported only when it is asked for: a cold start pays for its imports."""
    if isinstance(work, RolloutWork):
        from poolwright.services.known_rollouts import COLLECTION

        if ports.store.get(COLLECTION, work.rollout) is None:  # known before the rest is imported
            raise Irrelevant(f"there is no rollout {work.rollout}")
        from poolwright.services import advance_rollout

        return advance_rollout.handle(work, ports)
    if isinstance(work, TargetWork):
        from poolwright.services import change_target

        return change_target.handle(work, ports)
    if isinstance(work, GroupWork):
        from poolwright.services import look_at_group

        return look_at_group.handle(work, ports)
    if isinstance(work, ProvisionerWork):
        from poolwright.services import reconcile_provisioner

        return reconcile_provisioner.handle(work, ports)
    if isinstance(work, ClusterWork):
        from poolwright.services import closed_nodes

        return closed_nodes.handle(work, ports)
    if isinstance(work, RetentionWork):
        from poolwright.services import retention

        return retention.handle(work, ports)
    raise AssertionError(f"no such work: {work}")
