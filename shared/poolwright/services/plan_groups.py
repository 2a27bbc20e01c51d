"""What a rollout of one run would do to each instance group, and why: the functions' own decisions, and no write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from poolwright.boot_images import mutation
from poolwright.boot_images.changes import Change
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal
from poolwright.references import GroupRef, last_part
from poolwright.rollouts.rollout import Rollout
from poolwright.services import boot_images, fleet, known_rollouts, mutate_group, obstacles, released
from poolwright.services.deciding import Deciding, Unseen
from poolwright.services.fleet import Member
from poolwright.services.obstacles import Obstacle
from poolwright.services.ports import Ports

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

    Calls: one for the images, one a cluster and one to it, one (in pages) for all groups, one (in pages) a cluster for
    its templates.
    Refused for a run or a group that is not there; Weather.
    """
    image = boot_images.of_run(ports, environment, run_id)
    seen = fleet.look(ports, environment)
    wanted = set(fleet.chosen(seen, groups, environment=environment.name))
    members = [member for member in seen.members() if member.ref in wanted]
    rollouts = tuple(known_rollouts.all_of(ports, environment.name))
    held = released.read(ports, environment).held
    decide = Deciding(ports, environment, image)
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
            *obstacles.of_states(ports, seen.clusters),
        ),
        missing_clusters=tuple(str(ref) for ref in seen.missing),
        groups=tuple(
            _planned(member, _decided(decide(member)), _notes(member, rollouts, held.get(str(member.ref), "")))
            for member in members
        ),
    )


def _decided(outcome: Mutation | AlreadyRight | Refusal | Unseen) -> _Decided:
    if isinstance(outcome, Refusal | Unseen):
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
    if member.pool.status in mutate_group.GKE_IS_AT_IT:
        notes.append(f"GKE is working on the node pool ({member.pool.status}); the group waits until it is done.")
    for rollout in rollouts:
        if not rollout.finished and rollout.phase != "offered" and _has(rollout, member.ref):
            notes.append(f"{rollout.id} is changing it ({rollout.phase}); another start takes that rollout's place.")
    return tuple(notes)


def _has(rollout: Rollout, group: GroupRef) -> bool:
    return any(target.group == str(group) for target in rollout.targets)
