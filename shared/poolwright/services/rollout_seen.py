"""A rollout as people look at it: where it is, why, and what became of each group. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from poolwright.references import GroupRef, PoolRef
from poolwright.rollouts import commands
from poolwright.rollouts.commands import Action
from poolwright.rollouts.rollout import Rollout, Target, decode
from poolwright.services import known_rollouts, progress, stop
from poolwright.services.ports import Missing, Ports
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment

PAGE = 10  # a rollout of a thousand groups is half a megabyte
_LAST = ("9999", "")  # sent after every other command


class GroupSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance group of a wave; `state` as in rollouts/rollout.py."""

    group: str
    zone: str
    cluster: str
    pool: str
    state: str
    reason: str


class GateSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a gate said of the wave last."""

    gate: str
    verdict: str
    reason: str


class WaveSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A wave. `began` in seconds since the epoch, 0 for not yet; `verdict`: passed, unproven, unchanged, failed or none
    yet."""

    name: str
    began: float
    verdict: str
    current: bool
    groups: tuple[GroupSeen, ...]
    gates: tuple[GateSeen, ...]


class RolloutSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rollout. `reason` says in one sentence why it is where it is; `left_alone`: pools not in it, and why."""

    id: str
    environment: str
    kind: str
    run_id: int
    image: str
    phase: str
    paused: bool
    finished: bool
    reason: str
    requester: str
    created: float
    waves: tuple[WaveSeen, ...]
    left_alone: dict[str, str]


def of(ports: Ports, environment: Environment, rollout: str = "", *, run_id: int | None = None) -> RolloutSeen:
    """The one of this name or run, else the one under way, else the newest. Refused where there is none."""
    known = known_rollouts.all_of(ports, environment.name)
    named = [each for each in known if rollout in ("", each.id) and run_id in (None, each.run_id)]
    if not named:
        raise Refused("rollout", *_none(environment.name, rollout or (f"of run {run_id}" if run_id else ""), known))
    under_way = [each for each in named if not each.finished]
    return seen(progress.merged(ports, (under_way or named)[-1]))


class Rollouts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Those that something happened to last, the latest first. `older`: what `before` has to be for the next page, 0
    where there is none; `as_of` in seconds since the epoch; `stopped`: why nothing is done anywhere, empty where it may
    be."""

    as_of: float
    stopped: str
    rollouts: tuple[RolloutSeen, ...]
    older: int


class One(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One of them."""

    as_of: float
    stopped: str
    rollout: RolloutSeen


def newest(ports: Ports, *, before: int = 0) -> Rollouts:
    """A page of all environments' rollouts. Reads of the store: the stop, the page, and the targets of those that are
    not settled, of which an environment has one or two."""
    as_of, stopped = ports.clock.now(), stop.stopped(ports)
    page = ports.store.newest(known_rollouts.COLLECTION, most=PAGE, before=before)
    return Rollouts(
        as_of=as_of,
        stopped=stopped,
        rollouts=tuple(seen(_as_it_is(ports, decode(each.body))) for each in page),
        older=page[-1].written if len(page) == PAGE else 0,
    )


def one(ports: Ports, rollout: str) -> One:
    """The one of this name. Missing."""
    as_of, stopped = ports.clock.now(), stop.stopped(ports)
    stored = ports.store.get(known_rollouts.COLLECTION, rollout)
    if stored is None:
        raise Missing(f"there is no rollout {rollout}")
    return One(as_of=as_of, stopped=stopped, rollout=seen(progress.merged(ports, decode(stored.body))))


def _as_it_is(ports: Ports, rollout: Rollout) -> Rollout:
    """Its own document says all of one that is settled, and of one that waits for its start."""
    return rollout if rollout.settled or rollout.phase == "offered" else progress.merged(ports, rollout)


def why_not(ports: Ports, rollout: str, action: Action) -> str:
    """Why a command would change nothing in a rollout as it is now, in a sentence; empty where it would."""
    stored = ports.store.get(known_rollouts.COLLECTION, rollout)
    if stored is None:
        return "it is gone"
    try:
        commands.obey(decode(stored.body), action, sent=_LAST, who="")
    except commands.NotNow as reason:
        return str(reason)
    return ""


def seen(rollout: Rollout) -> RolloutSeen:
    """What is shown of a rollout whose targets are merged into it."""
    return RolloutSeen(
        id=rollout.id,
        environment=rollout.environment,
        kind=rollout.kind,
        run_id=rollout.run_id,
        image=rollout.image,
        phase=rollout.phase,
        paused=rollout.paused,
        finished=rollout.finished,
        reason=rollout.reason,
        requester=rollout.requester,
        created=rollout.created,
        waves=tuple(
            WaveSeen(
                name=wave.name,
                began=wave.began,
                verdict=wave.verdict,
                current=number == rollout.wave and not rollout.finished,
                groups=tuple(_group(target) for target in wave.targets),
                gates=tuple(
                    GateSeen(gate=each.gate, verdict=each.verdict, reason=each.reason) for each in wave.results
                ),
            )
            for number, wave in enumerate(rollout.waves)
        ),
        left_alone=dict(rollout.excluded),
    )


def _group(target: Target) -> GroupSeen:
    group, pool = GroupRef.parse(target.group), PoolRef.parse(target.pool)
    return GroupSeen(
        group=group.name,
        zone=group.zone,
        cluster=pool.cluster.name,
        pool=pool.name,
        state=target.state,
        reason=target.reason,
    )


def _none(environment: str, wanted: str, known: Sequence[Rollout]) -> tuple[str, str]:
    if not known:
        return f"{environment} has no rollout yet", f"Start one: poolwright rollout start --env {environment}"
    return f"{environment} has no rollout {wanted}", f"Its newest are {', '.join(each.id for each in known[:-11:-1])}"
