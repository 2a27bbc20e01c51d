"""Drift of members: VMs that were made from another template than the one their group points at now.

A repair remakes a VM from the template it was first made with, and under `new-nodes-only` old ones live on; so a group
that is right may have members that are not. The group's own `status.versionTarget.isReached` says for nothing whether
it has such members (https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers); only where it has,
its members are listed, one call a group: when that becomes so, when an event names the group, and every LOOK_SECONDS
from then on, so that a fleet that turns over slowly does not cost a call a group and minute. No list of instances says
as much: an instance names its template only in its metadata, beside a kube-env of many kilobytes.

One document a group in collection `drift`, from when there first was something to say:

    {"environment": "dev", "pool": "projects/...", "template": "gke-serving-l4-pw-42-0123456789",
     "members": {"gke-serving-l4-1a2b3c4d-x7k2": "gke-serving-l4-31a27d4b"}, "open": true, "since": 1763720000.0,
     "at": 1763720060.0}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from poolwright.boot_images.resources import InstanceGroup
from poolwright.environments import Environment
from poolwright.references import GroupRef, PoolRef, last_part
from poolwright.services.ports import Conflict, Json, Missing, Ports, Stored
from poolwright.services.records import record
from poolwright.verdicts import Busy, Irrelevant

COLLECTION = "drift"
LOOK_SECONDS = 900.0
_LEAVING = ("DELETING", "ABANDONING", "RECREATING")


@dataclass(frozen=True)
class Drift:
    """What is known of one group: `members` on another template than `template`, by name, with theirs; `open`: Compute
    said that there may be some; `since` and `at` (when it was last looked at) in seconds since the epoch."""

    group: str
    environment: str
    pool: str
    template: str
    members: Mapping[str, str]
    open: bool
    since: float
    at: float


def known(ports: Ports, environment: str) -> Iterator[Drift]:
    """Every group of the environment that has such members, as it was last looked at."""
    return (each for each in looked_at(ports, environment) if each.members)


def looked_at(ports: Ports, environment: str) -> Iterator[Drift]:
    """Every group of the environment whose members were ever looked at."""
    return (each for each in everywhere(ports) if each.environment == environment)


def everywhere(ports: Ports) -> Iterator[Drift]:
    """The same of all environments."""
    return map(_read, ports.store.all(COLLECTION))


def may_have(group: Json) -> bool:
    """Whether the group, as Compute shows it, has members on another template; so too where it does not say."""
    return not group.get("status", {}).get("versionTarget", {}).get("isReached", False)


def is_due(group: Json, found: Drift | None, *, now: float) -> bool:
    """Whether the group's members should be looked at now."""
    if not may_have(group):
        return found is not None and found.open
    template = last_part(group.get("instanceTemplate", ""))
    return found is None or found.template != template or now - found.at >= LOOK_SECONDS


def look(
    ports: Ports, environment: Environment, group: GroupRef, pool: PoolRef, *, seen: InstanceGroup | None, cause: str
) -> None:
    """Look at the members of one group (`seen`: as it was just read), remember and record what changed. Busy, Weather,
    Irrelevant."""
    stored = ports.store.get(COLLECTION, str(group))
    try:
        raw = seen or InstanceGroup(ports.compute.group(group))
        doubtful = may_have(raw.raw)
        members = ports.compute.members(group) if doubtful else []
    except Missing:
        raise Irrelevant(f"{group.name} is gone") from None
    template = last_part(raw.templates[0]) if raw.templates else ""
    old = {last_part(each["instance"]): made for each in members if (made := _made_from(each)) not in ("", template)}
    before: dict[str, str] = stored.body["members"] if stored else {}
    if old != before:
        _tell(ports, environment, group, template, old, before, stored, cause=cause)
    if not doubtful and (stored is None or not stored.body["open"]):
        return
    now = ports.clock.now()
    body = {
        "environment": environment.name,
        "pool": str(pool),
        "template": template,
        "members": old,
        "open": doubtful,
        "since": stored.body["since"] if stored and old and before else now,
        "at": now,
    }
    try:
        ports.store.put(COLLECTION, str(group), body, version=stored.version if stored else None)
    except Conflict:
        raise Busy(f"{group.name} is looked at by somebody else") from None


def _made_from(member: Json) -> str:
    """The template that a member was made from, empty where it is on its way out or nothing is known."""
    if member.get("currentAction") in _LEAVING:
        return ""
    return last_part(member.get("version", {}).get("instanceTemplate", ""))


def _tell(
    ports: Ports,
    environment: Environment,
    group: GroupRef,
    template: str,
    old: dict[str, str],
    before: dict[str, str],
    stored: Stored | None,
    *,
    cause: str,
) -> None:
    what = f"{len(old)} members are on other templates than {template}" if old else f"every member is on {template}"
    record(
        ports, kind="drift", subject=str(group), what=what, cause=cause, environment=environment.name,
        before=_words(before), after=_words(old), once=f"{stored.version if stored else 0} {template}",
        members=old,
    )  # fmt: skip


def _words(members: Mapping[str, str]) -> str:
    return ", ".join(sorted(members)[:20])


def _read(stored: Stored) -> Drift:
    body = stored.body
    return Drift(
        group=stored.key,
        environment=body["environment"],
        pool=body["pool"],
        template=body["template"],
        members=body["members"],
        open=body["open"],
        since=body["since"],
        at=body["at"],
    )
