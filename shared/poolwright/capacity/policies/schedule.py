"""A higher floor at times of the week: of those that are open now the highest holds."""

from __future__ import annotations

from datetime import UTC, datetime

from poolwright.capacity.policies import Ask, nodes
from poolwright.capacity.provisioner import Floor, Spec
from poolwright.windows import is_open


def asks(spec: Spec, *, now: float) -> Ask | None:
    """`now` in seconds since the epoch; each floor is judged by the clock on the wall of its time zone."""
    moment = datetime.fromtimestamp(now, UTC)
    floor = max(
        (each for each in spec.schedule if is_open(each, moment)), key=lambda each: each.min_nodes, default=None
    )
    if floor is None:
        return None
    return Ask(
        members=floor.min_nodes,
        reason=f"the schedule wants {nodes(floor.min_nodes)} {_when(floor)}",
        would_change_if=f"it is {floor.ends} in {floor.time_zone}",
    )


def watches(spec: Spec) -> str:
    return "a time of the schedule begins" if spec.schedule else ""


def _when(floor: Floor) -> str:
    return f"from {floor.begins} until {floor.ends} {floor.time_zone}"
