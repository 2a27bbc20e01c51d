"""The old nodes of a rollout's group replaced, a bounded action a step (node policy `replace`).

In the cluster it needs, for the function's identity, a role with: nodes list, patch; pods list; pods/eviction
create (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/); configmaps list in namespace poolwright.

The audit has no gap, as a decision is recorded before it is stored and stored before it is carried out; what came of
it is recorded when the world shows it, before the document forgets that it was in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.references import GroupRef, PoolRef, last_part
from poolwright.rollouts import in_hand, replacement
from poolwright.rollouts.emptying import Cordon, Evict, Member, Wait
from poolwright.rollouts.in_hand import Memory
from poolwright.rollouts.replacement import Decide, Delete, Done, GiveUp, Open, Recreate, Rules, Surge
from poolwright.rollouts.rollout import Rollout, Target
from poolwright.services import mutate_group, state
from poolwright.services.ports import Json, Kubernetes, Missing, Node, NodePool, Pod, Ports, Taken
from poolwright.services.records import record
from poolwright.verdicts import Busy, Irrelevant


def step(ports: Ports, environment: Environment, rollout: Rollout, target: Target) -> tuple[Target, bool]:
    """The target after its next action, and whether there is a next one to take at once. Call it under the group's
    lease. Busy, Weather."""
    group, cluster = GroupRef.parse(target.group), PoolRef.parse(target.pool).cluster
    remembered = msgspec.convert(dict(target.memory), Memory)
    try:
        _, pool = mutate_group.pool_of(ports, cluster, group)
        raw = ports.compute.group(group)
    except (Irrelevant, Missing) as gone:
        return msgspec.structs.replace(target, replaced=True, memory={}, reason=str(gone)), False
    kubernetes = ports.clusters.kubernetes(cluster)
    states = state.read(kubernetes)
    rules = _rules(rollout, target, remembered, raw, held=states.problem)
    if not rules.stop and pool.status in mutate_group.GKE_IS_AT_IT:
        raise Busy(f"GKE is working on {pool.ref.name} ({pool.status})")
    points_at = last_part(raw.get("instanceTemplate", ""))
    members = [
        replace(each, suspended=each.name in states.suspended, forbidden=states.forbids(each.name))
        for each in _members(ports, kubernetes, rollout, target, pool, group, points_at)
    ]
    now = ports.clock.now()
    memory = in_hand.caught_up(remembered, members, holder=rollout.id, now=now)
    audit = Audit(ports, environment, rollout, target, memory)
    audit.note_what_happened(remembered, members)
    decided = replacement.next_step(memory, members, rules=rules, now=now)
    if isinstance(decided, Done):
        return _done(target, memory, decided, stopped=bool(rules.stop)), False
    if isinstance(decided, Wait):
        return _with(target, memory, decided.reason), False
    if isinstance(decided, Decide):
        audit.note_decision(decided.memory)
        return _with(target, decided.memory, target.reason), True
    if isinstance(decided, GiveUp):
        return _with(target, msgspec.structs.replace(memory, given_up=decided.reason), decided.reason), True
    reason, again = _act(ports, kubernetes, group, rules, decided, audit)
    if isinstance(decided, Evict):
        memory = in_hand.asked(memory, decided, now=now)
    return _with(target, memory, reason), again


def _rules(rollout: Rollout, target: Target, memory: Memory, group: Json, *, held: str) -> Rules:
    stop = memory.given_up
    if rollout.phase == "rolling back" and target.state != "rolled back":
        stop = f"{rollout.id} goes back, and this group stays as it is"
    if rollout.finished or rollout.paused:
        stop = f"{rollout.id} is {rollout.phase if rollout.finished else 'paused'}"
    policy = rollout.policy
    return Rules(
        holder=rollout.id,
        base=group["baseInstanceName"],
        max_unavailable=policy.max_unavailable,
        max_surge=policy.max_surge,
        drain_seconds=policy.drain_seconds,
        node_ready_seconds=policy.node_ready_seconds,
        stop=stop,
        held=held,
        left_to_group=group.get("updatePolicy", {}).get("type") == "PROACTIVE",
    )


def _members(
    ports: Ports,
    kubernetes: Kubernetes,
    rollout: Rollout,
    target: Target,
    pool: NodePool,
    group: GroupRef,
    points_at: str,
) -> list[Member]:
    """The group's members, each with its node and pods. Calls: one page of members, one of nodes, one of pods."""
    listed = ports.compute.members(group)
    nodes = {node.name: node for node in kubernetes.nodes()} if listed else {}
    pods: dict[str, list[Pod]] = {}
    for pod in kubernetes.pods() if listed else []:
        pods.setdefault(pod.node, []).append(pod)
    return [_member(each, rollout, target, pool, nodes, pods, points_at) for each in listed]


def _member(
    raw: Json,
    rollout: Rollout,
    target: Target,
    pool: NodePool,
    nodes: dict[str, Node],
    pods: dict[str, list[Pod]],
    points_at: str,
) -> Member:
    name = last_part(raw["instance"])
    made_from = last_part(raw.get("version", {}).get("instanceTemplate", ""))
    node = nodes.get(name)
    if node is not None and not node.is_of(str(raw.get("id", ""))):
        node = None
    errors = raw.get("lastAttempt", {}).get("errors", {}).get("errors", [])
    return Member(
        name=name,
        fresh=_is_wanted(rollout, target, made_from, points_at),
        action=raw.get("currentAction", "NONE"),
        errors=tuple(f"{error.get('code')}: {error.get('message')}" for error in errors),
        node=node,
        pods=tuple(pods.get(name, [])) if node else (),
        gpus_expected=pool.gpus_per_node,
    )


def _is_wanted(rollout: Rollout, target: Target, made_from: str, points_at: str) -> bool:
    """Whether a member that was made from this template may stay: going back, what others made is left. Going forward
    it is to be of the template that the group points at, or only of its run while GKE has the group elsewhere."""
    run = run_id_of(made_from)
    if target.state != "rolled back":
        return run == rollout.run_id and (made_from == points_at or run_id_of(points_at) != run)
    return run is None if rollout.kind == "roll-back" else run != rollout.run_id


def _act(
    ports: Ports,
    kubernetes: Kubernetes,
    group: GroupRef,
    rules: Rules,
    decided: Open | Surge | Cordon | Evict | Recreate | Delete,
    audit: Audit,
) -> tuple[str, bool]:
    """Carry it out; a sentence, and whether there is a next action to take at once."""
    if isinstance(decided, Open | Cordon):
        return _close_or_open(kubernetes, decided, rules, audit)
    if isinstance(decided, Evict):
        return _evict(kubernetes, decided, audit), False
    its_id = ports.clock.unique()
    names = ", ".join(decided.members)
    if isinstance(decided, Surge):
        try:
            ports.compute.create_instances(group, decided.members, request_id=its_id)
        except Taken as there:
            return f"surge nodes are looked for again: {there}", False
        return f"surge nodes were asked for: {names}", False
    if isinstance(decided, Delete):
        ports.compute.delete_instances(group, decided.members, request_id=its_id)
        return f"nodes were deleted, others have come in their place: {names}", True
    ports.compute.recreate_instances(group, decided.members, request_id=its_id)
    return f"nodes are made anew: {names}", False


def _close_or_open(kubernetes: Kubernetes, decided: Open | Cordon, rules: Rules, audit: Audit) -> tuple[str, bool]:
    try:
        if isinstance(decided, Cordon):
            kubernetes.cordon(decided.node, reason=rules.holder)
            return f"node {decided.node} is closed for pods", True
        audit.note(f"opens node {decided.node} again", why=rules.stop, about=[decided.node])
        kubernetes.uncordon(decided.node)
        return f"node {decided.node} is open for pods again", True
    except Missing:
        return f"node {decided.node} is gone", False


def _evict(kubernetes: Kubernetes, decided: Evict, audit: Audit) -> str:
    for pod in decided.pods:
        audit.note(f"asks pod {pod.namespace}/{pod.name} to leave node {pod.node}", about=[pod.node])
    refused = [pod for pod in decided.pods if not kubernetes.evict(pod)]
    told = f", {len(refused)} must not yet, first {refused[0].namespace}/{refused[0].name}" if refused else ""
    return f"{len(decided.pods)} pods were asked to leave{told}"


def _done(target: Target, memory: Memory, done: Done, *, stopped: bool) -> Target:
    """The target when nothing is in hand any more."""
    if not stopped:
        return msgspec.structs.replace(target, replaced=True, memory={}, reason=done.reason)
    rest = msgspec.structs.replace(memory, drains=(), coming=(), given_up="")
    if not memory.given_up:
        return _with(target, rest, done.reason)
    state = "stuck" if target.state == "rolled back" else "failed"
    return msgspec.structs.replace(_with(target, rest, memory.given_up), state=state)


def _with(target: Target, memory: Memory, reason: str) -> Target:
    kept = {} if memory == Memory() else msgspec.to_builtins(memory)
    return msgspec.structs.replace(target, memory=kept, reason=reason)


class Audit:
    """The records of one step. `memory` is as the step found it."""

    def __init__(
        self, ports: Ports, environment: Environment, rollout: Rollout, target: Target, memory: Memory
    ) -> None:
        self._ports = ports
        self._environment = environment.name
        self._rollout = rollout
        self._group = target.group
        self._way = "back" if target.state == "rolled back" else "forth"
        self._memory = memory

    def note(self, what: str, *, why: str = "", about: Sequence[str] = (), turn: int = 0) -> None:
        """Something that is about to be done, or was. `about`: nodes in hand; the same said of a node that was taken
        into hand again is another record."""
        turns = [each.turn for each in self._memory.drains if each.name in about] or [turn]
        record(
            self._ports, kind="replacement", subject=self._group, what=what, environment=self._environment, why=why,
            cause=self._rollout.id, requester=self._rollout.requester, runId=self._rollout.run_id,
            once=f"{self._rollout.id}|{self._way}|{turns}|{what}",
        )  # fmt: skip

    def note_decision(self, decided: Memory) -> None:
        """What is taken into hand, or named."""
        for each in decided.drains:
            if each not in self._memory.drains:
                self.note(f"takes node {each.name} into hand, to empty and replace it", turn=each.turn)
        for each in decided.surge:
            if each not in self._memory.surge:
                self.note(f"will add node {each.name}")

    def note_what_happened(self, before: Memory, members: Sequence[Member]) -> None:
        """What the world shows of what was decided before."""
        here = {member.name: member for member in members if not member.leaving}
        still = {each.name for each in self._memory.drains}
        for each in before.drains:
            if each.name not in still and each.name not in here:
                self.note(f"node {each.name} was deleted", turn=each.turn)
            elif each.name not in still and here[each.name].fresh:
                self.note(f"node {each.name} is made anew", turn=each.turn)
        for each in before.surge:
            if not each.at and each.name in here:
                self.note(f"node {each.name} was added")
