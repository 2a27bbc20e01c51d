"""What unused reservations would still give to a provisioner's groups.

A VM consumes a reservation of its zone that it is meant for: the one that its affinity names, or (the default) any
whose properties are its own. Spot VMs consume none
(https://cloud.google.com/compute/docs/instances/reservations-consume).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from poolwright.references import GroupRef, last_part
from poolwright.services.ports import Json, Missing, NodePool, Ports

log = logging.getLogger(__name__)

_SHARED = re.compile(r"projects/([^/]+)/reservations/([^/]+)")


@dataclass(frozen=True)
class Unused:
    """`count`: VMs that a group could have of its reservations; `consumed`: whether it has any to consume at all."""

    count: int
    consumed: bool


def unused(
    ports: Ports,
    groups: Mapping[str, GroupRef],
    pools: Mapping[str, NodePool],
    members: Mapping[str, list[Json]],
) -> tuple[dict[str, Unused], list[str]]:
    """By group's name, and what could not be read. A single group needs no order, and no call is made."""
    if len(groups) < 2:
        return {}, []
    problems: list[str] = []
    there: dict[tuple[str, str], list[Json]] = {}
    for project in sorted({group.project for group in groups.values()}):
        for each in _listed(ports, project, problems):
            there.setdefault((project, last_part(each.get("zone", ""))), []).append(each)
    consumed = {
        name: _consumed(ports, pools[name], group, there.get((group.project, group.zone), []), problems)
        for name, group in groups.items()
    }
    return {name: _unused(name, consumed, members) for name in groups}, problems


def _listed(ports: Ports, project: str, problems: list[str]) -> Iterable[Json]:
    try:
        listed = ports.compute.reservations(project)
    except Exception as wrong:  # whatever it is, pods that wait for GPUs are served all the same
        log.warning("reservations of %s cannot be read", project, exc_info=True)
        problems.append(f"reservations of {project} cannot be read: {type(wrong).__name__}: {str(wrong)[:200]}")
        return ()
    if silent := sorted(listed.unreachable):
        problems.append(f"reservations of {project} in {', '.join(silent)} cannot be read")
    return listed


def _consumed(
    ports: Ports, pool: NodePool, group: GroupRef, there: Iterable[Json], problems: list[str]
) -> dict[str, Json]:
    """The reservations that a VM of the group consumes, by their links."""
    affinity = pool.reservation
    if pool.spot or (affinity is not None and affinity.kind == "NO_RESERVATION"):
        return {}
    found: list[Json] = []
    if affinity is None or affinity.kind != "SPECIFIC_RESERVATION":
        found = [each for each in there if not each.get("specificReservationRequired") and _is_like(each, pool)]
    else:
        by_name = {each["name"]: each for each in there}
        for value in affinity.values:
            found += _named(ports, group, value, by_name, problems)
    return {each["selfLink"]: each for each in found if each.get("status", "READY") == "READY"}


def _named(ports: Ports, group: GroupRef, value: str, there: Mapping[str, Json], problems: list[str]) -> list[Json]:
    """The reservation of this name, which may be shared by another project."""
    shared = _SHARED.match(value)
    if shared is None or shared[1] == group.project:
        known = there.get(shared[2] if shared else value)
        return [known] if known else []
    try:
        return [ports.compute.reservation(shared[1], group.zone, shared[2])]
    except Missing:
        return []
    except Exception as wrong:
        log.warning("reservation %s cannot be read", value, exc_info=True)
        problems.append(f"reservation {value} in {group.zone} cannot be read: {str(wrong)[:200]}")
        return []


def _is_like(reservation: Json, pool: NodePool) -> bool:
    """Whether it is for such VMs: machine type and GPUs are what tells GPU machines apart."""
    properties = reservation.get("specificReservation", {}).get("instanceProperties", {})
    if last_part(properties.get("machineType", "")) != pool.machine_type:
        return False
    asked = {
        last_part(each["acceleratorType"]): int(each["acceleratorCount"])
        for each in properties.get("guestAccelerators", [])
    }
    return not asked or asked == dict.fromkeys(pool.accelerators, pool.gpus_per_node)


def _unused(name: str, consumed: Mapping[str, Mapping[str, Json]], members: Mapping[str, list[Json]]) -> Unused:
    """A member that has no VM yet, of any group that shares the reservation, will take one of what is free."""
    own = consumed[name]
    free = sum(_free(each) for each in own.values())
    sharing = [other for other, theirs in consumed.items() if own.keys() & theirs.keys()]
    waiting = sum("instanceStatus" not in member for other in sharing for member in members[other])
    return Unused(count=max(0, free - waiting), consumed=bool(own))


def _free(reservation: Json) -> int:
    """Counts are strings (https://cloud.google.com/compute/docs/reference/rest/v1/reservations); `assuredCount` is what
    is usable now."""
    said = reservation.get("specificReservation", {})
    usable = int(said.get("assuredCount", said.get("count", 0)))
    return max(0, usable - int(said.get("inUseCount", 0)))
