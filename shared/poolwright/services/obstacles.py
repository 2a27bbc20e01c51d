"""What keeps an environment, as a whole, from beginning anything now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec

from poolwright.rollouts import windows
from poolwright.rollouts.rollout import Rollout
from poolwright.services import states_seen, stop
from poolwright.services.ports import Cluster, Ports
from poolwright.services.state import SUSPENDED

if TYPE_CHECKING:
    from poolwright.environments import Environment

Kind = Literal["stopped", "frozen", "pinned", "superseded", "observe", "offered", "autopilot", "suspended"]


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is a sentence for people."""

    kind: Kind
    reason: str


def of_environment(ports: Ports, environment: Environment) -> tuple[Obstacle, ...]:
    """Whatever boot image is meant: a stop, a freeze or window, the mode."""
    why = stop.stopped(ports)
    stopped = (Obstacle(kind="stopped", reason=f"{why}."),) if why else ()
    return (*stopped, *of_policy(ports, environment))


def of_policy(ports: Ports, environment: Environment) -> tuple[Obstacle, ...]:
    """What the environment's own file says: a freeze or window, the mode."""
    found = []
    if why := windows.closed(environment.rollout, ports.clock.now()):
        found.append(Obstacle(kind="frozen", reason=f"No wave begins now. {why}"))
    if environment.mode == "observe":
        reason = f"Mode is observe: {environment.name} only decides and records; set mode to offer or act to change it."
        found.append(Obstacle(kind="observe", reason=reason))
    return tuple(found)


def of_clusters(environment: Environment, clusters: Iterable[Cluster]) -> tuple[Obstacle, ...]:
    """Clusters where nothing of ours can be."""
    return tuple(
        Obstacle(
            kind="autopilot",
            reason=f"{cluster.ref.name} is an Autopilot cluster, whose nodes are Google's own; take it out of "
            f"environments/{environment.name}.yaml.",
        )
        for cluster in clusters
        if cluster.autopilot
    )


def of_states(ports: Ports, clusters: Iterable[Cluster]) -> tuple[Obstacle, ...]:
    """Clusters whose people suspended them. One call a cluster."""
    return tuple(
        Obstacle(kind="suspended", reason=f"{each.cluster}: {each.reason}.")
        for each in states_seen.read(ports, clusters)
        if each.state == SUSPENDED
    )


def of_run(environment: Environment, run_id: int, rollouts: tuple[Rollout, ...]) -> tuple[Obstacle, ...]:
    """What keeps this run from going out: a pin, a newer run, a rollout that waits for its start."""
    found = []
    pinned = environment.run_id
    if pinned is not None and pinned != run_id:
        reason = f"{environment.name} is pinned to run {pinned}; set runId in its file to {run_id}, or take it out."
        found.append(Obstacle(kind="pinned", reason=reason))
    newer = [each for each in rollouts if each.run_id > run_id and each.phase in _COUNTS]
    if newer:
        last = max(newer, key=lambda each: each.run_id)
        reason = f"{last.id} is of the newer run {last.run_id} ({last.phase}); run {run_id} starts on command only."
        found.append(Obstacle(kind="superseded", reason=reason))
    found += [
        Obstacle(kind="offered", reason=f"{each.id} waits for a person's start.")
        for each in rollouts
        if each.run_id == run_id and each.phase == "offered"
    ]
    return tuple(found)


_COUNTS = ("offered", "mutating", "verifying", "baking", "done")
