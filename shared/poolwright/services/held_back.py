"""A rollout where people suspended a cluster by its ConfigMap (services/state.py): what is in hand there is gone on
with, and nothing begins. The wave waits, and its reason says for whom.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from poolwright.references import ClusterRef, PoolRef
from poolwright.rollouts import canary, steps
from poolwright.rollouts.rollout import Rollout, Target
from poolwright.services import state
from poolwright.services.ports import Ports

_WAITS = "waits for its people: "


def instead(ports: Ports, live: Rollout, step: steps.Step) -> steps.Step:
    """The step, or what comes in its place now. One call a cluster, if the step would begin something. Weather."""
    if isinstance(step, steps.Ask):
        return _ask(ports, live, step)
    if not isinstance(step, steps.BeginWave | steps.StartJobs | canary.Name | canary.Make):
        return step
    problems = _problems(ports, live.current.targets)
    return _held(live, problems) if problems else step


def why(ports: Ports, target: Target) -> str:
    """Why nothing may begin at the target, empty where it may. Weather."""
    ref = PoolRef.parse(target.pool).cluster
    problem = state.of_cluster(ports, ref).problem
    return f"{_WAITS}{ref.name}: {problem}" if problem else ""


def waits(rollout: Rollout) -> bool:
    """Whether it waits for the people of a cluster."""
    return _WAITS in rollout.reason


def freed(rollout: Rollout) -> Rollout:
    """The rollout once it waits for nobody any more: its reason is what it was before."""
    return msgspec.structs.replace(rollout, reason=_before(rollout)) if waits(rollout) else rollout


def _before(rollout: Rollout) -> str:
    return rollout.reason.partition(_WAITS)[0].removesuffix("; ")


def _ask(ports: Ports, live: Rollout, step: steps.Ask) -> steps.Step:
    new = [target for target in step.targets if live.begins_at(target)]
    problems = _problems(ports, new)
    kept = {target.group for target in new if PoolRef.parse(target.pool).cluster in problems}
    rest = tuple(target for target in step.targets if target.group not in kept)
    return steps.Ask(rest) if rest else _held(live, problems)


def _problems(ports: Ports, targets: Iterable[Target]) -> dict[ClusterRef, str]:
    """The suspended ones among the clusters of these targets, and why."""
    refs = sorted({PoolRef.parse(target.pool).cluster for target in targets})
    found = {ref: state.of_cluster(ports, ref).problem for ref in refs}
    return {ref: problem for ref, problem in found.items() if problem}


def _held(live: Rollout, problems: dict[ClusterRef, str]) -> steps.Hold | steps.Wait:
    said = "; ".join(f"{ref.name}: {problem}" for ref, problem in problems.items())
    reason = "; ".join(filter(None, (_before(live), f"{_WAITS}{said}")))
    return steps.Wait(reason) if live.reason == reason else steps.Hold(reason)
