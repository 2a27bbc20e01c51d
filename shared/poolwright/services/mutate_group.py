"""One instance group brought to a boot image, or back to GKE's own template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poolwright import environments
from poolwright.boot_images import gke_template, mutation
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal, Rollback
from poolwright.boot_images.provenance import is_ours
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.environments import Environment
from poolwright.events.work import GroupWork
from poolwright.references import ClusterRef, GroupRef
from poolwright.services import leases, released, start_rollout
from poolwright.services.ports import Cluster, Conflict, Missing, NodePool, Ports, Stale
from poolwright.services.records import record
from poolwright.services.work import Done
from poolwright.verdicts import Busy, Irrelevant

REFUSALS = "refusals"


@dataclass(frozen=True)
class Outcome:
    """What became of a group, and why, in a sentence."""

    kind: Literal["changed", "already right", "refused", "would change"]
    reason: str


def handle(work: GroupWork, ports: Ports) -> Done:
    """Bring the group to what its environment has released. Irrelevant, Busy, Weather."""
    group = GroupRef(work.project, work.zone, work.name)
    ref = ClusterRef(work.project, work.location, work.cluster)
    environment = environments.of_cluster(ports.environments, ref)
    if environment is None:
        raise Irrelevant(f"no environment has {ref}")
    wanted, why = _wanted(ports, environment, group)
    if not wanted:
        return Done(f"{group.name} is left as it is: {why}")
    image = released.image(ports, environment, wanted)
    if image is None:
        return Done(f"{group.name} is left as it is: image {wanted} is gone; start a rollout of a newer one")
    cluster, pool = pool_of(ports, ref, group)
    if not pool.takes_boot_images:  # an operation on the cluster tells of all its pools
        what = "is a reference pool" if pool.is_reference else "has no GPUs"
        return Done(f"{group.name} is left as it is: node pool {pool.ref.name} {what}")
    outcome = bring_to_image(
        ports,
        environment=environment,
        cluster=cluster,
        pool=pool,
        group=group,
        image=image,
        cause=work.cause,
        act=environment.mode == "act",
    )
    return Done(f"{group.name}: {outcome.kind}: {outcome.reason}")


def _wanted(ports: Ports, environment: Environment, group: GroupRef) -> tuple[str, str]:
    """The image the group should be on: of a rollout that has changed it, else the released one; or why none."""
    for rollout in reversed(start_rollout.all_of(ports, environment.name)):
        if rollout.finished or rollout.phase == "offered":
            continue
        if any(target.group == str(group) and target.state == "mutated" for target in rollout.targets):
            rolls_back = rollout.phase == "rolling back"
            return ("", f"{rollout.id} is rolling back") if rolls_back else (rollout.image, rollout.id)
    current = released.read(ports, environment)
    if not current.run_id:
        return "", f"{environment.name} has no released boot image yet"
    if why := current.held.get(str(group)):
        return "", why
    return current.image, "released"


def pool_of(ports: Ports, ref: ClusterRef, group: GroupRef) -> tuple[Cluster, NodePool]:
    """The pool that has the group now. Irrelevant where none has: it is gone."""
    try:
        cluster = ports.gke.cluster(ref)
    except Missing:
        raise Irrelevant(f"GKE knows no {ref}: it is gone, or the message was made up") from None
    for pool in cluster.pools:
        if group in pool.groups:
            return cluster, pool
    raise Irrelevant(f"no node pool of {ref} has the group {group.name}: it is gone, or the message was made up")


def bring_to_image(
    ports: Ports,
    *,
    environment: Environment,
    cluster: Cluster,
    pool: NodePool,
    group: GroupRef,
    image: BootImage,
    cause: str,
    act: bool,
    holder: str = "",
) -> Outcome:
    """Read, plan, write (only to `act`), record. `holder`: who may have the group's lease already.

    leases.Held; Busy while GKE works on the pool, or when the group moved while it was looked at.
    """
    _wait_for_gke(pool)
    with leases.Holding(ports, leases.of_group(group), holder=holder):
        raw, own, gke = _observe(ports, cluster, pool, group)
        if isinstance(gke, Refusal):
            return _refused(ports, environment, raw, group, image, gke, cause=cause)
        planned = mutation.plan(
            group=raw,
            gke_template=gke,
            current_template=own,
            image=image,
            substitutions=environment.substitutions,
            excluded=environment.exclude,
        )
        if isinstance(planned, Refusal):
            return _refused(ports, environment, raw, group, image, planned, cause=cause)
        if isinstance(planned, AlreadyRight):
            return Outcome("already right", planned.reason)
        if not act:
            return Outcome("would change", f"{planned.reason}; mode is {environment.mode}")
        _write(ports, group, planned)
    record(
        ports,
        kind="mutation",
        subject=str(group),
        what=f"now on template {planned.name}",
        why=planned.reason,
        cause=cause,
        once=f"{planned.name}|{planned.current_template}|{planned.patch['fingerprint']}",
        runId=planned.run_id,
        before=planned.current_template,
        after=planned.link,
    )
    return Outcome("changed", planned.reason)


def roll_back(
    ports: Ports, *, environment: str, cluster: Cluster, pool: NodePool, group: GroupRef, rollout: str, why: str
) -> Outcome:
    """Back to the LATEST template of GKE. The rollout has its groups while it rolls back, and holds them in one go when
    it has. Busy, Weather."""
    _wait_for_gke(pool)
    with leases.Holding(ports, leases.of_group(group), holder=rollout):
        raw, own, gke = _observe(ports, cluster, pool, group)
        planned = (
            gke if isinstance(gke, Refusal) else mutation.rollback(group=raw, gke_template=gke, current_template=own)
        )
        if isinstance(planned, Refusal):
            return Outcome("refused", planned.reason)
        if isinstance(planned, AlreadyRight):
            return Outcome("already right", planned.reason)
        _set_template(ports, group, planned)
    record(
        ports,
        kind="rollback",
        subject=str(group),
        what=f"back on GKE's template {planned.link.rpartition('/')[2]}",
        why=why,
        once=f"{planned.link}|{planned.patch['fingerprint']}",
        before=planned.current_template,
        after=planned.link,
    )
    return Outcome("changed", planned.reason)


def _wait_for_gke(pool: NodePool) -> None:
    if pool.status in ("PROVISIONING", "RECONCILING", "STOPPING"):
        raise Busy(f"GKE is working on {pool.ref.name} ({pool.status})")


def _observe(
    ports: Ports, cluster: Cluster, pool: NodePool, group: GroupRef
) -> tuple[InstanceGroup, InstanceTemplate, InstanceTemplate | Refusal]:
    raw = InstanceGroup(ports.compute.group(group))
    own = InstanceTemplate(ports.compute.template(raw.templates[0]))
    others = (
        ports.compute.templates(group.project, name_prefix=gke_template.name_prefix(pool.ref)) if is_ours(own) else []
    )
    gke = gke_template.current(
        own=own, templates=[InstanceTemplate(each) for each in others], pool=pool.ref, cluster_uid=cluster.uid
    )
    return raw, own, gke


def _write(ports: Ports, group: GroupRef, planned: Mutation) -> None:
    ports.compute.insert_template(
        group.project, planned.body.reveal(), region=planned.region, request_id=ports.clock.unique()
    )
    _set_template(ports, group, planned)


def _set_template(ports: Ports, group: GroupRef, planned: Mutation | Rollback) -> None:
    try:
        ports.compute.patch_group(group, planned.patch, request_id=ports.clock.unique())
    except Stale:
        raise Busy(f"{group.name} changed while it was looked at; it is looked at again") from None


def _refused(
    ports: Ports,
    environment: Environment,
    raw: InstanceGroup,
    group: GroupRef,
    image: BootImage,
    refusal: Refusal,
    *,
    cause: str,
) -> Outcome:
    """Remembered, so that the tick does not come back for the same refusal each minute."""
    where = refusal_of(raw.fingerprint, environment, image.name)
    stored = ports.store.get(REFUSALS, str(group))
    if stored is None or stored.body.get("where") != where:
        body = {"where": where, "kind": refusal.kind, "reason": refusal.reason}
        try:
            ports.store.put(REFUSALS, str(group), body, version=stored.version if stored else None)
        except Conflict:
            raise Busy(f"{group.name} is looked at by somebody else") from None
        record(
            ports, kind="refusal", subject=str(group), what=f"not put on {image.name}", why=refusal.reason, cause=cause,
            once=f"{image.name}|{refusal.reason}", refusal=refusal.kind,
        )  # fmt: skip
    return Outcome("refused", refusal.reason)


def refusal_of(fingerprint: str, environment: Environment, image: str) -> str:
    """What a refusal depends on: when any of it changes, it is looked at again."""
    return f"{fingerprint} {environment.digest} {image}"
