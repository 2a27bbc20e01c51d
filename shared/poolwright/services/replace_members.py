"""Under node policy `replace`, members that were left on another template than their group's are replaced by a rollout
of the released image to just these groups: with its drains, gates and limits. Under `new-nodes-only` they live on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.events.work import Work
from poolwright.references import PoolRef
from poolwright.rollouts.rollout import Rollout
from poolwright.services import drift, known_rollouts, released, start_rollout, state
from poolwright.services.drift import Drift
from poolwright.services.ports import Ports
from poolwright.verdicts import Refused

LOOKING_SECONDS = 60.0  # what is remembered was seen at most so long before, as an invocation lives no longer

log = logging.getLogger(__name__)


def start(ports: Ports, environment: Environment) -> Iterator[Work]:
    """Start it, once for what is found, and after any unfinished rollout. It asks for its own steps. Weather."""
    yield from ()
    if environment.rollout.node_policy != "replace" or environment.mode == "observe":
        return
    current = released.read(ports, environment)
    known = [
        each
        for each in drift.known(ports, environment.name)
        if each.group not in current.held and run_id_of(each.template) == current.run_id
    ]
    if not known:
        return
    rollouts = known_rollouts.all_of(ports, environment.name)
    replaced = _replaced(rollouts)
    found = [each for each in known if each.at >= replaced.get(each.group, 0.0) + LOOKING_SECONDS]
    found = _less_suspended(ports, found)
    if not found:
        return
    seen = "|".join(f"{each.group} {sorted(each.members.items())} {each.since}" for each in found)
    key = f"{environment.name}-{current.run_id}-members-{hashlib.sha256(seen.encode()).hexdigest()[:6]}"
    if any(each.id == key or not each.finished for each in rollouts):
        return
    image = released.image(ports, environment, current.image)
    if image is None:
        return
    groups = [each.group for each in found]
    try:
        start_rollout.start(
            ports,
            environment=environment,
            image=image,
            key=key,
            cause="tick: members on older templates",
            groups=groups,
        )
    except Refused as why:  # a group is gone, or excluded since: the next look at it says so
        log.warning("members of %s are not replaced: %s", environment.name, why)


def _replaced(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Group -> when a rollout was through with its nodes. What was seen of its members before says nothing any more: a
    look that began while they were replaced may be remembered after it."""
    through: dict[str, float] = {}
    for rollout in rollouts:
        for wave in rollout.waves if rollout.phase == "done" else ():
            for target in wave.targets:
                through[target.group] = max(wave.verified, through.get(target.group, 0.0))
    return through


def _less_suspended(ports: Ports, found: Sequence[Drift]) -> list[Drift]:
    """Without the members that people suspended: those stay as they are until nobody suspends them any more."""
    refs = sorted({PoolRef.parse(each.pool).cluster for each in found})
    suspended = {ref: state.of_cluster(ports, ref).suspended for ref in refs}
    rest = []
    for each in found:
        theirs = suspended[PoolRef.parse(each.pool).cluster]
        members = {name: template for name, template in each.members.items() if name not in theirs}
        if members:
            rest.append(replace(each, members=members))
    return rest
