"""One instance group brought to a boot image, or back to GKE's own template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from poolwright import environments, metrics
from poolwright.boot_images import gke_template, mutation
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal, Rollback
from poolwright.boot_images.provenance import is_ours
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.entries import Entry
from poolwright.environments import Environment
from poolwright.references import ClusterRef, GroupRef, last_part
from poolwright.services import intents, leases, refusals
from poolwright.services.ports import Cluster, Json, Missing, NodePool, Ports, Stale, Weather
from poolwright.services.records import record
from poolwright.verdicts import Busy, Irrelevant

GKE_IS_AT_IT = ("PROVISIONING", "RECONCILING", "STOPPING")  # a node pool's states while GKE runs an operation on it


@dataclass(frozen=True)
class Outcome:
    """What became of a group, and why, in a sentence."""

    kind: Literal["changed", "begun", "already right", "refused", "would change", "left alone"]
    reason: str
    group: InstanceGroup | None = None  # as it was found, where it was looked at


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
    requester: str = "",
    in_steps: bool = False,
) -> Outcome:
    """Read, plan, record, write (only to `act`), record. `holder`: who may have the group's lease already.

    `in_steps`: come back with the outcome `begun` while Compute makes our template; `go_on` goes on from there.
    Pub/Sub pushes few messages at a time to whom it has not seen answer, and more with each answer
    (https://cloud.google.com/pubsub/docs/push), so many groups side by side need answers that come soon.

    Compute calls: group, own template, insert, patch; each write's operation is waited for by one call as a rule. Where
    the own template is ours, pages of an aggregated list of templates too.
    leases.Held; Busy while GKE works on the pool, or when the group moved while it was looked at; Irrelevant.
    """
    wait_for_gke(pool)
    with leases.Holding(ports, leases.of_group(group), holder=holder):
        raw, own, gke = _observe(ports, cluster, pool, group)
        planned = decide(environment, raw, own, gke, image)
        if isinstance(planned, Mutation) and act:
            begun = _begin(ports, environment.name, group, pool, raw, planned, kind="mutation", why=planned.reason,
                           cause=cause, requester=requester)  # fmt: skip
            return _write(ports, group, planned, begun, in_steps=in_steps)
        intents.complete(ports, str(group), happened=lambda left: raw.points_at(left.effect.after))
        if isinstance(planned, AlreadyRight):
            refusals.forget(ports, environment, raw, group, image.name)
            return Outcome("already right", planned.reason, raw)
        if isinstance(planned, Mutation):
            return _would_change(ports, environment, raw, group, image, planned, cause=cause)
        source = "" if isinstance(gke, Refusal) else gke.source_image
        reason = refusals.refuse(ports, environment, raw, group, image, planned, source_image=source, cause=cause)
        return Outcome("refused", reason, raw)


def decide(
    environment: Environment,
    raw: InstanceGroup,
    own: InstanceTemplate,
    gke: InstanceTemplate | Refusal,
    image: BootImage,
) -> AlreadyRight | Mutation | Refusal:
    """What becomes of a group: the decision that plans are made of, too."""
    if isinstance(gke, Refusal):
        return gke
    return mutation.plan(
        group=raw,
        gke_template=gke,
        current_template=own,
        image=image,
        substitutions=environment.substitutions,
        excluded=environment.exclude,
        node_policy=environment.rollout.node_policy,
    )


def _plan_back(
    ports: Ports, name: str, raw: InstanceGroup, own: InstanceTemplate, gke: InstanceTemplate
) -> AlreadyRight | Rollback | Refusal:
    environment = environments.by_name(ports.environments, name)
    policy = environment.rollout.node_policy if environment else "new-nodes-only"
    return mutation.rollback(group=raw, gke_template=gke, current_template=own, node_policy=policy)


def roll_back(
    ports: Ports,
    *,
    environment: str,
    cluster: Cluster,
    pool: NodePool,
    group: GroupRef,
    rollout: str,
    why: str,
    requester: str = "",
) -> Outcome:
    """Back to the LATEST template of GKE; the caller holds it there. Busy, Weather, Irrelevant."""
    wait_for_gke(pool)
    with leases.Holding(ports, leases.of_group(group), holder=rollout):
        raw, own, gke = _observe(ports, cluster, pool, group)
        planned = gke if isinstance(gke, Refusal) else _plan_back(ports, environment, raw, own, gke)
        if isinstance(planned, Rollback):
            told = f"{why}; {planned.reason}" if why else planned.reason
            begun = _begin(ports, environment, group, pool, raw, planned, kind="rollback", why=told, cause=rollout,
                           requester=requester)  # fmt: skip
            _set_template(ports, group, planned.patch)
            intents.end(ports, begun)
            return Outcome("changed", planned.reason)
        intents.complete(ports, str(group), happened=lambda left: raw.points_at(left.effect.after))
    return Outcome("refused" if isinstance(planned, Refusal) else "already right", planned.reason, raw)


def wait_for_gke(pool: NodePool) -> None:
    """Busy while GKE runs an operation on the pool."""
    if pool.status in GKE_IS_AT_IT:
        raise Busy(f"GKE is working on {pool.ref.name} ({pool.status})")


def _observe(
    ports: Ports, cluster: Cluster, pool: NodePool, group: GroupRef
) -> tuple[InstanceGroup, InstanceTemplate, InstanceTemplate | Refusal]:
    try:
        raw = InstanceGroup(ports.compute.group(group))
    except Missing:
        raise Irrelevant(f"GKE names {group.name}, and Compute has it not: it is being made or deleted") from None
    own = InstanceTemplate(ports.compute.template(raw.templates[0]))
    others = (
        ports.compute.templates(group.project, name_prefix=gke_template.name_prefix(pool.ref)) if is_ours(own) else []
    )
    gke = gke_template.current(
        own=own, templates=[InstanceTemplate(each) for each in others], pool=pool.ref, cluster_uid=cluster.uid
    )
    return raw, own, gke


def _write(ports: Ports, group: GroupRef, planned: Mutation, begun: intents.Intent, *, in_steps: bool) -> Outcome:
    operation = ports.compute.begin_template(
        group.project, planned.body.reveal(), region=planned.region, request_id=ports.clock.unique()
    )
    if operation and in_steps:
        intents.note(ports, begun, {"operation": operation, "patch": planned.patch})
        return Outcome("begun", planned.reason)
    if operation:
        ports.compute.finish_template(operation)
    _set_template(ports, group, planned.patch)
    if not operation and not in_steps:  # no rollout's: ours was made from this very GKE template before
        metrics.put_back(begun.decision.environment)
    intents.end(ports, begun)
    return Outcome("changed", planned.reason)


def _under_way(ports: Ports, group: GroupRef, image: BootImage, *, cause: str) -> intents.Intent | None:
    """What an earlier step of the same cause has begun, not long ago, and for the same image."""
    left = intents.find(ports, str(group))
    if left is None or not left.noted or ports.clock.now() - left.decision.at > intents.OLD_SECONDS:
        return None
    same = left.decision.cause == cause and left.effect.details.get("runId") == image.run_id
    return left if same else None


def go_on(ports: Ports, group: GroupRef, image: BootImage, *, cause: str, holder: str) -> Outcome | None:
    """Wait for the template that `bring_to_image` began for the same cause, and set it under the fingerprint that the
    group had when it was looked at; None where nothing was begun. What fails is begun anew. leases.Held, Busy, Weather.
    """
    with leases.Holding(ports, leases.of_group(group), holder=holder):
        begun = _under_way(ports, group, image, cause=cause)
        if begun is None:
            return None
        try:
            ports.compute.finish_template(begun.noted["operation"])
            _set_template(ports, group, begun.noted["patch"])
        except Weather:
            raise
        except Exception:
            intents.note(ports, begun, {})
            raise
        intents.end(ports, begun)
        return Outcome("changed", begun.effect.why)


def _begin(
    ports: Ports,
    environment: str,
    group: GroupRef,
    pool: NodePool,
    raw: InstanceGroup,
    planned: Mutation | Rollback,
    *,
    kind: str,
    why: str,
    cause: str,
    requester: str,
) -> intents.Intent:
    once = f"{planned.link}|{planned.current_template}|{planned.patch['fingerprint']}"
    template = last_part(planned.link)
    details = {"runId": planned.run_id} if isinstance(planned, Mutation) else {}
    effect = Entry(
        kind=kind, subject=str(group), what=f"now on template {template}", at=ports.clock.now(),
        environment=environment, why=why, cause=cause, requester=requester, before=planned.current_template,
        after=template, once=once, details=details,
    )  # fmt: skip
    decision = replace(effect, what=f"to be put on template {template}", once=f"decided {once}")
    intent = intents.Intent(decision=decision, effect=effect, pool=str(pool.ref))
    return intents.begin(ports, intent, happened=lambda left: raw.points_at(left.effect.after))


def _set_template(ports: Ports, group: GroupRef, patch: Json) -> None:
    try:
        ports.compute.patch_group(group, patch, request_id=ports.clock.unique())
    except Stale:
        raise Busy(f"{group.name} changed while it was looked at; it is looked at again") from None


def _would_change(
    ports: Ports,
    environment: Environment,
    raw: InstanceGroup,
    group: GroupRef,
    image: BootImage,
    planned: Mutation,
    *,
    cause: str,
) -> Outcome:
    """Nothing is written but what would be; remembered as a refusal is, or the tick would come back each minute."""
    reason = f"{planned.reason} Mode is {environment.mode}."
    record(
        ports, kind="mutation", subject=str(group), what=f"would be put on template {planned.name}", why=reason,
        cause=cause, environment=environment.name, before=planned.current_template, after=planned.current_template,
        once=f"would {planned.name}|{planned.current_template}|{environment.mode}", runId=planned.run_id,
    )  # fmt: skip
    refusals.remember(ports, environment, raw, group, image.name, kind=environment.mode, reason=reason)
    return Outcome("would change", reason, raw)
