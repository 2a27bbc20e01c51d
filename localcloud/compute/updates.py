"""Bringing a group to what it should be: its size, and, where its update policy says so, its version."""

from __future__ import annotations

import math
from typing import Any

from localcloud.compute.disruption import action, needed
from localcloud.compute.members import Member, Members, instance_path
from localcloud.compute.references import path_in
from localcloud.compute.resources import Resource, Resources

Version = tuple[str, str]
# States of a resize request that has not got its instances yet.
WAITING = ("CREATING", "ACCEPTED")


def resolved(amount: dict[str, Any] | None, of: int, *, default: int = 1, up: bool = True) -> int:
    """A FixedOrPercent of `of` (percentages of maxSurge round up, as those of maxUnavailable do)."""
    if not amount:
        return default
    if "percent" in amount:
        share = of * int(amount["percent"]) / 100
        return math.ceil(share) if up else math.floor(share)
    return int(amount.get("fixed", default))


def planned(group: Resource) -> list[tuple[Version, int]]:
    """(template path, version name) and how many members should have it; the last takes the rest."""
    left = int(group["targetSize"])
    plan = []
    versions = sorted(group["versions"], key=lambda each: "targetSize" not in each)
    for version in versions:
        key = (path_in(version["instanceTemplate"]), version.get("name", ""))
        asked = {name: value for name, value in version.get("targetSize", {}).items() if name != "calculated"}
        count = min(left, resolved(asked, int(group["targetSize"]))) if asked else left
        plan.append((key, count))
        left -= count
    return plan


class Updates:
    """Reconciles groups with what they should be."""

    def __init__(self, resources: Resources, members: Members) -> None:
        self._resources = resources
        self._members = members
        resources.world.listen("group.changed", self.reconcile)

    def next_version(self, path: str, group: Resource) -> Version:
        """The version of the next new member."""
        staying = self._members.staying(path)
        plan = planned(group)
        for key, count in plan:
            if sum(_version(each) == key for each in staying.values()) < count:
                return key
        return plan[-1][0]

    def outdated(self, path: str, group: Resource) -> list[str]:
        """Names of members that have no place in the group's versions."""
        room = dict(planned(group))
        names = []
        for name, member in sorted(self._members.staying(path).items()):
            key = _version(member)
            if room.get(key, 0) > 0:
                room[key] -= 1
            elif key not in room or sum(room.values()) > 0:
                names.append(name)
        return names

    def reconcile(self, path: str) -> None:
        """Create what is missing, delete what is too much, and replace what is outdated (PROACTIVE)."""
        group = self._resources.find(path)
        if group is None:
            return
        policy = group.get("updatePolicy", {})
        target = int(group["targetSize"]) - self._queued(path)
        outdated = self.outdated(path, group) if policy.get("type") == "PROACTIVE" else []
        outdated = self._in_place(path, group, outdated)
        if policy.get("replacementMethod") == "RECREATE" and outdated:
            self._recreate(path, group, outdated)
            outdated = []
        surge = min(resolved(policy.get("maxSurge"), target), len(outdated))
        self._fill(path, group, target + surge)
        if outdated:
            self._retire(path, group, outdated)
        else:
            self._shrink(path, target)

    def required(self, path: str, name: str, template: str) -> str:
        """How much a member must be disturbed to have this template."""
        member = self._members.of(path)[name]
        return needed(self._resources.find(member["template"]), self._resources.find(template))

    def _in_place(self, path: str, group: Resource, outdated: list[str]) -> list[str]:
        """Refresh and restart those for whom that is enough; gives the others."""
        policy = group["updatePolicy"]
        least, most = policy.get("minimalAction", "REPLACE"), policy.get("mostDisruptiveAllowedAction", "REPLACE")
        fewest = self._fewest(group)
        others = []
        for name in outdated:
            template, version = self.next_version(path, group)
            chosen = action(self.required(path, name, template), least=least, most=most)
            if chosen == "REPLACE":
                others.append(name)
            elif chosen == "RESTART" and self._up(path, name) and self._count_up(path) <= fewest:
                continue
            elif chosen is not None:
                self._members.renew(path, name, chosen, template=template, version=version)
        return others

    def _fewest(self, group: Resource) -> int:
        target = int(group["targetSize"])
        return target - resolved(group["updatePolicy"].get("maxUnavailable"), target)

    def _count_up(self, path: str) -> int:
        return sum(self._up(path, name) for name in self._members.staying(path))

    def _queued(self, path: str) -> int:
        """Members of the target size that resize requests still wait for."""
        requests = self._resources.within(path, "resizeRequests")
        return sum(int(each["resizeBy"]) for each in requests if each["state"] in WAITING)

    def _fill(self, path: str, group: Resource, size: int) -> None:
        for _ in range(size - len(self._members.staying(path))):
            template, version = self.next_version(path, group)
            name = self._members.free_name(path, group["baseInstanceName"])
            self._members.create(path, name, template=template, version=version)

    def _shrink(self, path: str, target: int) -> None:
        staying = self._members.staying(path)
        surplus = len(staying) - target
        # Google picks those that are not up first.
        order = sorted(staying, key=lambda name: (self._up(path, name), name))
        for name in order[: max(0, surplus)]:
            self._members.delete(path, name)

    def _retire(self, path: str, group: Resource, outdated: list[str]) -> None:
        target = int(group["targetSize"])
        fewest, up = self._fewest(group), self._count_up(path)
        for name in sorted(outdated, key=lambda name: (self._up(path, name), name)):
            if self._up(path, name):
                if up <= fewest:
                    continue
                up -= 1
            self._members.delete(path, name)
        surge = min(resolved(group["updatePolicy"].get("maxSurge"), target), len(self.outdated(path, group)))
        self._fill(path, group, target + surge)

    def _recreate(self, path: str, group: Resource, outdated: list[str]) -> None:
        fewest, up = self._fewest(group), self._count_up(path)
        for name in outdated:
            if self._up(path, name) and up <= fewest:
                continue
            up -= self._up(path, name)
            template, version = self.next_version(path, group)
            self._members.recreate(path, name, template=template, version=version)

    def _up(self, path: str, name: str) -> bool:
        instance = self._resources.find(instance_path(path, name))
        member = self._members.of(path)[name]
        return member["action"] == "NONE" and instance is not None and instance["status"] == "RUNNING"


def _version(member: Member) -> Version:
    return member["template"], member["version"]
