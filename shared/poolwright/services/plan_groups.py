"""What a rollout of one run would do to each instance group, and why: the functions' own decisions, and no write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from poolwright.boot_images import gke_template, mutation
from poolwright.boot_images.changes import Change
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.references import ClusterRef, GroupRef, last_part
from poolwright.rollouts.rollout import Rollout
from poolwright.services import boot_images, fleet, mutate_group, obstacles, released, start_rollout
from poolwright.services.fleet import Member
from poolwright.services.obstacles import Obstacle
from poolwright.services.ports import Missing, Ports

if TYPE_CHECKING:
    from poolwright.environments import Environment

Verdict = Literal["change", "right", "refused"]


class Side(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A template of a group; `run_id` is None for one of GKE's."""

    template: str
    run_id: int | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One instance group. `refusal`: the kind, where the verdict is `refused`; `why` and `notes` are sentences;
    `changes` have their secrets replaced by fingerprints; `after` is None where nothing would be set."""

    group: str
    zone: str
    project: str
    cluster: str
    location: str
    pool: str
    machine_type: str
    accelerators: tuple[str, ...]
    verdict: Verdict
    before: Side
    after: Side | None
    refusal: str
    why: str
    notes: tuple[str, ...]
    changes: tuple[Change, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`obstacles`: what keeps the environment as a whole from beginning; `missing_clusters`: GKE does not know them."""

    environment: str
    mode: str
    run_id: int
    image: str
    source_image: str
    obstacles: tuple[Obstacle, ...]
    missing_clusters: tuple[str, ...]
    groups: tuple[Planned, ...]


@dataclass(frozen=True)
class _Decided:
    verdict: Verdict
    why: str
    after: Side | None = None
    refusal: str = ""
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def plan(ports: Ports, environment: Environment, *, run_id: int | None = None, groups: Sequence[str] = ()) -> Plan:
    """For the run (the pinned or the newest one, if none is given) and these groups (all, if none). Makes no write.

    Calls: one for the images, one a cluster, one (in pages) for all groups, one (in pages) a cluster for its templates.
    Refused for a run or a group that is not there; Weather.
    """
    image = boot_images.of_run(ports, environment, run_id)
    seen = fleet.look(ports, environment)
    wanted = set(fleet.chosen(seen, groups, environment=environment.name))
    members = [member for member in seen.members() if member.ref in wanted]
    rollouts = tuple(start_rollout.all_of(ports, environment.name))
    held = released.read(ports, environment).held
    decide = _Deciding(ports, environment, image)
    return Plan(
        environment=environment.name,
        mode=environment.mode,
        run_id=image.run_id,
        image=image.name,
        source_image=image.source_image,
        obstacles=(
            *obstacles.of_environment(ports, environment),
            *obstacles.of_run(environment, image.run_id, rollouts),
            *obstacles.of_clusters(environment, seen.clusters),
        ),
        missing_clusters=tuple(str(ref) for ref in seen.missing),
        groups=tuple(
            _planned(member, decide(member), _notes(member, rollouts, held.get(str(member.ref), "")))
            for member in members
        ),
    )


class _Deciding:
    """Decides for one group after another; templates are listed once for each cluster."""

    def __init__(self, ports: Ports, environment: Environment, image: BootImage) -> None:
        self._ports = ports
        self._environment = environment
        self._image = image
        self._templates: dict[ClusterRef, list[InstanceTemplate]] = {}

    def __call__(self, member: Member) -> _Decided:
        rule = self._environment.exclude.excludes(
            pool=member.pool.ref.name,
            machine_type=member.pool.machine_type,
            accelerators=member.pool.accelerators,
            labels=member.pool.labels,
        )
        if rule:
            return _Decided("refused", f"{member.ref.name} is left alone: {rule}.", refusal="excluded")
        if member.group is None or not member.group.templates:
            return _Decided("refused", member.absence or "The group points at no template.", refusal="unknown")
        templates = self._of_cluster(member)
        own = self._own(member.group.templates[0], templates)
        if own is None:
            return _Decided("refused", "The template that the group points at is gone.", refusal="missing")
        gke = gke_template.current(own=own, templates=templates, pool=member.pool.ref, cluster_uid=member.cluster.uid)
        return _decided(mutate_group.decide(self._environment, member.group, own, gke, self._image))

    def _of_cluster(self, member: Member) -> list[InstanceTemplate]:
        ref = member.cluster.ref
        if ref not in self._templates:
            prefix = gke_template.name_prefix(member.pool.ref)  # the same for all pools of a cluster
            found = self._ports.compute.templates(self._environment.project, name_prefix=prefix)
            self._templates[ref] = [InstanceTemplate(raw) for raw in found]
        return self._templates[ref]

    def _own(self, link: str, templates: Iterable[InstanceTemplate]) -> InstanceTemplate | None:
        for template in templates:
            if template.name == last_part(link) and f"/{template.region or 'global'}/" in f"/{link}":
                return template
        try:
            return InstanceTemplate(self._ports.compute.template(link))
        except Missing:
            return None


def _decided(outcome: Mutation | AlreadyRight | Refusal) -> _Decided:
    if isinstance(outcome, Refusal):
        return _Decided("refused", outcome.reason, refusal=outcome.kind)
    if isinstance(outcome, AlreadyRight):
        return _Decided("right", outcome.reason, after=_side(outcome.template))
    return _Decided("change", outcome.reason, after=_side(outcome.name), changes=outcome.changes, notes=outcome.notes)


def _planned(member: Member, decided: _Decided, notes: tuple[str, ...]) -> Planned:
    templates = member.group.templates if member.group else ()
    return Planned(
        group=member.ref.name,
        zone=member.ref.zone,
        project=member.ref.project,
        cluster=member.cluster.ref.name,
        location=member.cluster.ref.location,
        pool=member.pool.ref.name,
        machine_type=member.pool.machine_type,
        accelerators=member.pool.accelerators,
        verdict=decided.verdict,
        before=_side(last_part(templates[0])) if templates else Side(template=""),
        after=decided.after,
        refusal=decided.refusal,
        why=decided.why,
        notes=(*notes, *decided.notes),
        changes=decided.changes,
    )


def _side(template: str) -> Side:
    return Side(template=template, run_id=mutation.run_id_of(template))


def _notes(member: Member, rollouts: Iterable[Rollout], held: str) -> tuple[str, ...]:
    """What else a person should know before the group is changed."""
    notes = []
    if held:
        notes.append(f"Held on GKE's own template until a rollout takes it: {held}.")
    if member.pool.status in ("PROVISIONING", "RECONCILING", "STOPPING"):
        notes.append(f"GKE is working on the node pool ({member.pool.status}); the group waits until it is done.")
    for rollout in rollouts:
        if not rollout.finished and rollout.phase != "offered" and _has(rollout, member.ref):
            notes.append(f"{rollout.id} is changing it ({rollout.phase}); another start takes that rollout's place.")
    return tuple(notes)


def _has(rollout: Rollout, group: GroupRef) -> bool:
    return any(target.group == str(group) for target in rollout.targets)
