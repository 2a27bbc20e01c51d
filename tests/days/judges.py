"""Judges of a day. They see the cluster and Compute from outside, at every write to a pod, at every deletion of a VM
and after every step of time and every message; what they find must not be.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.calls import CallRecord
from localcloud.kubernetes.selectors import selects
from localcloud.kubernetes.store import Change
from tests.days.mishaps import LATEST_GPUS
from tests.days.outside import Provisioner, Sight
from tests.days.people import SAFE_TO_EVICT, STOP

Json = dict[str, Any]

TICKS = 60.0
# A pod that waits is served within so many ticks, beside the time a machine takes to be made and to get its GPUs.
SERVED_WITHIN = 8 * TICKS + 120.0 + LATEST_GPUS
# A node of ours that is cordoned is deleted or open again so long after its drain's time is over.
OPEN_WITHIN = 10 * TICKS
EXPLAINED_WITHIN = 300.0  # a purchase may follow from what was so a little earlier
DRY_SECONDS, DRY_MOST = 60.0, 3600.0  # how long a group that could not grow may be left alone, doubled at each try


@dataclass
class Evictions:
    """No pod is asked to leave against its budget, its annotation, its lack of an owner, its data or its grace."""

    findings: list[str]
    happened: Counter[str]
    _why_not: dict[str, list[str]] = field(default_factory=dict)
    _must_stay: dict[str, float] = field(default_factory=dict)

    def changed(self, change: Change, tables: Json, now: float) -> None:
        """A pod was written."""
        key = f"{change.object['metadata']['namespace']}/{change.object['metadata']['name']}"
        before, after = change.previous, change.object
        if change.type == "DELETED":
            self._gone(key, before or after, now, tables=tables)
        elif before is not None and _is_leaving(after) and not _is_leaving(before):
            self._why_not[key] = list(objections(before, after, tables))
            self._must_stay[key] = now + _stops_within(after)

    def _gone(self, key: str, pod: Json, now: float, *, tables: Json) -> None:
        node = tables.get("nodes", {}).get(pod["spec"].get("nodeName", ""))
        ready = node is not None and any(
            each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"]
        )
        if not _is_leaving(pod):
            self._why_not[key] = ["it had no time at all to stop", *objections(pod, pod, tables)]
        elif ready and now < self._must_stay.get(key, 0.0) - 1:
            self._why_not.setdefault(key, []).append("its grace period was cut short")

    def asked(self, calls: Iterable[CallRecord]) -> None:
        """What poolwright did to pods."""
        for call in calls:
            if call.host != "kubernetes" or call.code >= 400:
                continue
            if call.method not in ("pods/eviction.create", "pods.delete"):
                continue
            key = f"{call.params['namespace']}/{call.params['name']}"
            self.happened["evictions"] += 1
            why = self._why_not.get(key, [])
            self.findings += [f"pod {key} was made to leave ({call.method}), but {each}" for each in why]
        self._why_not.clear()


def objections(before: Json, after: Json, tables: Json) -> Iterable[str]:
    """Why a pod (`before` its deletion, and `after` it began) must not be asked to leave."""
    meta, spec = before["metadata"], before["spec"]
    if (meta.get("annotations") or {}).get(SAFE_TO_EVICT) == "false":
        yield "it forbids its eviction"
    if not meta.get("ownerReferences"):
        yield "nobody would start it again"
    if any("emptyDir" in each for each in spec.get("volumes") or ()):
        yield "it has data on its node"
    asked, given = spec["terminationGracePeriodSeconds"], after["metadata"].get("deletionGracePeriodSeconds", 0)
    if given < asked:
        yield f"it got {given} s of its {asked} s of grace"
    yield from _broken_budgets(before, tables)


def _broken_budgets(pod: Json, tables: Json) -> Iterable[str]:
    if pod.get("status", {}).get("phase") == "Pending":
        return
    pods = tables.get("pods", {}).values()
    for budget in tables.get("poddisruptionbudgets.policy", {}).values():
        selector = budget["spec"].get("selector")
        if not selects(selector, pod["metadata"].get("labels") or {}):
            continue
        name = budget["metadata"]["name"]
        replicas = int(tables["deployments.apps"][f"default/{name}"]["spec"]["replicas"])
        theirs = [each for each in pods if selects(selector, each["metadata"].get("labels") or {})]
        others = sum(_healthy(each) for each in theirs if each["metadata"]["name"] != pod["metadata"]["name"])
        needed = budget["spec"].get("minAvailable", replicas - int(budget["spec"].get("maxUnavailable", 0)))
        if others < needed:
            yield f"its budget wants {needed} pods, and {others} others are healthy"


def _is_leaving(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _healthy(pod: Json) -> bool:
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True" and not _is_leaving(pod)


def _stops_within(pod: Json) -> float:
    """The seconds that a pod takes to stop, within its grace."""
    wanted = float((pod["metadata"].get("annotations") or {}).get(STOP, 0))
    return min(wanted, float(pod["spec"]["terminationGracePeriodSeconds"]))


@dataclass
class Deletions:
    """No VM is deleted while a pod is on its node."""

    findings: list[str]
    happened: Counter[str]
    repaired: set[str]

    def deleted(self, name: str, sight: Sight) -> None:
        """A VM begins to go, whoever wanted it."""
        if name in self.repaired:
            self.repaired.discard(name)
            return
        self.happened["deletions"] += 1
        there = [pod for pod in sight.by_node.get(name, ()) if not pod.daemon]
        self.findings += [
            f"node {name} was deleted under pod {pod.key} with {pod.gpus} GPUs"
            + (", which was still stopping" if pod.terminating else "")
            for pod in there
        ]


@dataclass
class Buying:
    """Members are never more than demand and bounds explain, and never fewer than the least."""

    findings: list[str]
    happened: Counter[str]
    _members: dict[str, int] = field(default_factory=dict)
    _explained: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def look(self, sight: Sight) -> None:
        """Whether a purchase since the last look was needed."""
        for each in sight.provisioners:
            recent = self._explained.setdefault(each.name, deque())
            recent.append((sight.now, explained(each)))
            while recent[0][0] < sight.now - EXPLAINED_WITHIN:
                recent.popleft()
            most, before = max(count for _, count in recent), self._members.get(each.name, each.members)
            self.happened["purchases"] += before < each.members
            told = f"provisioner {each.name} went from {before} to {each.members} members"
            if before < each.members and each.members > each.spec["maxNodes"]:
                self.findings.append(f"{told}, above maxNodes {each.spec['maxNodes']}")
            elif before < each.members and each.members > most:
                self.findings.append(f"{told}, and demand explains {most}: {_account(each)}")
            if before > each.members and each.members < each.spec.get("minNodes", 0) and not _failed_to_make(each):
                self.findings.append(f"{told}, below minNodes {each.spec['minNodes']}")
            self._members[each.name] = each.members


def explained(provisioner: Provisioner) -> int:
    """The most members that anybody could want now: those that serve nobody for now, those that pods use, what waiting
    pods fill without the room there is, and the idle ones that are kept; or what the duty cycle asks for."""
    spec = provisioner.spec
    serving = [node for node in provisioner.nodes if node.serving]
    lost = sum((node.cordoned or not node.ready) and node.gpus > 0 for node in provisioner.nodes)
    busy = sum(any(pod.gpus for pod in provisioner.pods[node.name]) for node in serving)
    demand = busy + packed([pod.gpus for pod in provisioner.waiting], provisioner.gpus_per_node)
    wanted = max(demand + int(spec.get("minUnutilizedGPUNodes", 0)), int(spec.get("minNodes", 0)))
    high = spec.get("maxGPUUtilizationPercent")
    if high is not None:
        wanted = max(wanted, math.ceil(sum(_cycle(provisioner, node.name, node.gpus) for node in serving) / high))
    return lost + wanted


def _cycle(provisioner: Provisioner, node: str, gpus: int) -> float:
    return sum(pod.busy * pod.gpus for pod in provisioner.pods[node]) / gpus


def packed(wanted: Sequence[int], size: int) -> int:
    """Nodes of `size` GPUs that hold the pods, the largest first to where they fit."""
    free: list[int] = []
    for gpus in sorted((each for each in wanted if each <= size), reverse=True):
        place = next((index for index, room in enumerate(free) if room >= gpus), None)
        if place is None:
            free.append(size - gpus)
        else:
            free[place] -= gpus
    return len(free)


def _failed_to_make(provisioner: Provisioner) -> bool:
    """Whether members that could not be made may explain that there are fewer."""
    return any(group.failures for group in provisioner.groups)


def _account(provisioner: Provisioner) -> str:
    nodes = ", ".join(
        f"{node.name[-6:]} {'ready' if node.ready else 'not ready'}{' cordoned' if node.cordoned else ''} "
        f"{sum(pod.gpus for pod in provisioner.pods[node.name])}/{node.gpus}"
        for node in provisioner.nodes
    )
    coming = sum(len(group.making) for group in provisioner.groups)
    waiting = [pod.gpus for pod in provisioner.waiting]
    return f"nodes {nodes or 'none'}; {coming} being made; waiting pods want {waiting} GPUs"


@dataclass
class Serving:
    """A pod that waits for GPUs gets them whenever a group had stock."""

    findings: list[str]
    happened: Counter[str]
    _waits: dict[str, float] = field(default_factory=dict)
    _could: dict[str, float] = field(default_factory=dict)
    _tries: dict[str, tuple[int, int, float]] = field(default_factory=dict)

    def look(self, sight: Sight) -> None:
        """Whether anybody waits for too long."""
        waiting = {pod.key for each in sight.provisioners for pod in each.waiting}
        self.happened["pods that waited"] += len(waiting - self._waits.keys())
        self._waits = {key: self._waits.get(key, sight.now) for key in waiting}
        for each in sight.provisioners:
            if not self._can_grow(each, sight.now):
                self._could.pop(each.name, None)
                continue
            since = self._could.setdefault(each.name, sight.now)
            for pod in each.waiting:
                if sight.now - max(since, self._waits[pod.key]) > SERVED_WITHIN and not self.findings:
                    self.findings.append(
                        f"pod {pod.key} with {pod.gpus} GPUs waits for {sight.now - self._waits[pod.key]:.0f} s, and "
                        f"provisioner {each.name} could have grown for {sight.now - since:.0f} s: {_account(each)}"
                    )

    def _can_grow(self, provisioner: Provisioner, now: float) -> bool:
        """Whether a group has stock and need not be left alone, and the bound allows another node."""
        able = False
        for group in provisioner.groups:
            tries, failures, until = self._tries.get(group.path, (0, 0, 0.0))
            if group.failures > failures:
                self.happened["stockouts"] += group.failures - failures
                tries, failures = tries + 1, group.failures
                until = now + min(DRY_SECONDS * 2**tries, DRY_MOST) * 1.25
            elif group.room and any(name not in group.making for name in group.staying) and now > until:
                tries = 0
            self._tries[group.path] = tries, failures, until
            able |= group.room and now >= until
        return able and provisioner.members < int(provisioner.spec["maxNodes"])


@dataclass
class Cordons:
    """A node that we cordon is deleted or open again; one that a person cordoned stays closed until they open it."""

    findings: list[str]
    people: set[str] = field(default_factory=set)
    _since: dict[str, float] = field(default_factory=dict)

    def look(self, sight: Sight) -> None:
        """Whether any is forgotten."""
        closed = {name for name, node in sight.nodes.items() if node.cordoned}
        self.findings += [
            f"node {name} was opened, which a person had cordoned"
            for name in sorted(self.people & sight.nodes.keys() - closed)
        ]
        self.people &= closed
        self._since = {name: self._since.get(name, sight.now) for name in closed - self.people}
        limits = {
            node.name: float(each.spec.get("drain", {}).get("timeoutSeconds", 600))
            for each in sight.provisioners
            for node in each.nodes
        }
        for name, since in self._since.items():  # one that is in no group any more is on its way out
            if name in limits and sight.now - since > limits[name] + OPEN_WITHIN:
                self.findings.append(f"node {name} has been cordoned for {sight.now - since:.0f} s")

    def at_the_end(self, sight: Sight) -> None:
        """Much later nothing is closed."""
        self.findings += [f"node {name} is still cordoned" for name, node in sight.nodes.items() if node.cordoned]


class Court:
    """All judges, what they found, and how often there was something to judge."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.happened: Counter[str] = Counter()
        self.repaired: set[str] = set()
        self._evictions = Evictions(self.findings, self.happened)
        self._deletions = Deletions(self.findings, self.happened, self.repaired)
        self._buying = Buying(self.findings, self.happened)
        self._serving = Serving(self.findings, self.happened)
        self._cordons = Cordons(self.findings)

    def pod_changed(self, change: Change, tables: Json, now: float) -> None:
        """At every write to a pod."""
        self._evictions.changed(change, tables, now)

    def instance_deleted(self, name: str, sight: Sight) -> None:
        """At every beginning of a VM's end."""
        self._deletions.deleted(name, sight)

    def cordoned_by_people(self, node: str, *, closed: bool) -> None:
        """A person closes a node or opens it."""
        (self._cordons.people.add if closed else self._cordons.people.discard)(node)

    def look(self, sight: Sight, calls: Iterable[CallRecord]) -> None:
        """After every step."""
        self._evictions.asked(calls)
        self._buying.look(sight)
        self._serving.look(sight)
        self._cordons.look(sight)

    def at_the_end(self, sight: Sight) -> None:
        """When all is calm."""
        self._cordons.at_the_end(sight)
