"""`minNodes` and `maxNodes`: members of all groups together, whatever they are good for just now."""

from __future__ import annotations

from dataclasses import replace

from poolwright.capacity.observation import Observation
from poolwright.capacity.policies import Ask, nodes
from poolwright.capacity.provisioner import Spec


def asks(spec: Spec) -> Ask:
    """The floor that always holds."""
    return Ask(
        members=spec.min_nodes,
        reason=f"minNodes is {spec.min_nodes}",
        would_change_if="minNodes is lowered",
    )


def cut(ask: Ask, spec: Spec) -> Ask:
    """What of an ask the upper bound lets through, and who is asked for the rest."""
    if ask.members <= spec.max_nodes:
        return ask
    return replace(
        ask,
        members=spec.max_nodes,
        reason=f"{ask.reason}, but maxNodes is {spec.max_nodes}",
        would_change_if=f"{ask.would_change_if}, or maxNodes is raised",
    )


def too_many(spec: Spec, seen: Observation) -> Ask | None:
    """Where more members would stay than the upper bound lets: fewer, beside those that are going already."""
    staying = seen.members - seen.going
    if staying <= spec.max_nodes:
        return None
    return Ask(
        members=spec.max_nodes + seen.going,
        reason=f"there are {nodes(staying)}, maxNodes is {spec.max_nodes}",
        would_change_if="maxNodes is raised",
    )
