"""Nodes of a provisioner emptied and deleted: taken into hand, cordoned, emptied within their pods' budgets, deleted by
name; or spared, and opened again. docs/designs/safe-scale-down.md says why nothing is forgotten or done twice.

A node is in the provisioner's memory before it is cordoned and until it is gone or open again, and its group's lease is
held all the while. In the cluster it needs: nodes list, patch; pods list; pods/eviction create.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from poolwright import metrics
from poolwright.capacity import draining
from poolwright.capacity.decision import Shrink
from poolwright.capacity.observation import GpuNode
from poolwright.capacity.provisioner import DrainRules
from poolwright.environments import Environment
from poolwright.nodes import Node, Pod
from poolwright.references import GroupRef, last_part
from poolwright.services import leases
from poolwright.services.memory import Drain, Memory, Spared, save
from poolwright.services.observe_provisioner import Sight
from poolwright.services.ports import Json, Kubernetes, Missing, Ports
from poolwright.services.records import record
from poolwright.services.state import HOLDER, States
from poolwright.services.work import Done

YIELD_SECONDS = 150.0  # for who asked meanwhile: by then a tick has asked for his next step
LINGERS_SECONDS = 600.0  # a node that is still there so long after its instance is not waited for
_GONE = "it is no member of its group any more"


@dataclass(frozen=True)
class Hands:
    """What a step at a provisioner's nodes needs. `key`: the provisioner, in whose name nodes are cordoned."""

    ports: Ports
    environment: Environment
    kubernetes: Kubernetes
    sight: Sight
    key: str
    rules: DrainRules
    states: States


def at_once(environment: Environment) -> int:
    """How many nodes of a group may be in hand at one moment, whatever for."""
    return max(1, environment.rollout.max_unavailable)


def begin(hands: Hands, memory: Memory, decision: Shrink) -> tuple[Memory, str]:
    """Take the nodes into hand, as far as that may be now: the memory, and a sentence. Nothing is done to them yet."""
    if memory.drains:
        return memory, f"{', '.join(each.node for each in memory.drains)}: in hand already"
    chosen: list[Drain] = []
    left: list[str] = []
    for node in decision.nodes:
        if why := _obstacle(hands, memory, node, chosen):
            left.append(f"{node.name} is left alone: {why}")
        else:
            chosen.append(_chosen(hands, memory, node, decision.reason))
    if chosen:
        turn, now = memory.sequence + 1, hands.ports.clock.now()
        memory = save(hands.ports, hands.key, memory, sequence=turn, drains=tuple(chosen), shrunk_at=now)
        left.insert(0, f"{', '.join(each.node for each in chosen)}: taken into hand")
    return memory, "; ".join(left)


def go_on(hands: Hands, memory: Memory) -> tuple[Memory, Done]:
    """The next action at each node in hand; the memory after it. `again`: there is a next one to take at once. Busy,
    Weather."""
    said: list[str] = []
    again = False
    spared = _wanted_after_all(hands, memory)
    for each in memory.drains:
        drain = each
        if drain.node in spared and not drain.spared:
            memory, drain = _note(hands, memory, drain, spared="pods wait for its GPUs")
        memory, sentence, more = _step(hands, memory, drain)
        said.append(f"{drain.node}: {sentence}")
        again = again or more
    return memory, Done("; ".join(said), again=again)


def _obstacle(hands: Hands, memory: Memory, node: GpuNode, chosen: Sequence[Drain]) -> str:
    """Why the node cannot be taken into hand now; its group is ours if nothing keeps it."""
    ports, group = hands.ports, hands.sight.groups[node.group]
    if why := hands.states.forbids(node.name):
        return why
    if (until := memory.yields.get(node.group, 0.0)) > ports.clock.now():
        return f"somebody else asked for its group, and comes first for {until - ports.clock.now():.0f} s"
    names = {last_part(member["instance"]) for member in hands.sight.members[node.group]}
    closed = {name for name in names if (there := hands.sight.nodes.get(name)) and _is_in_hand(there)}
    ours = {each.node for each in chosen if each.group == node.group}
    if len(closed | ours) >= at_once(hands.environment):
        return f"{len(closed | ours)} nodes of its group are in hand"
    try:
        leases.take(ports, leases.of_group(group), holder=hands.key, seconds=leases.SECONDS)
    except leases.Held as held:
        return str(held)
    return ""


def _is_in_hand(node: Node) -> bool:
    """Whether one of us has closed it, other than because its people asked for it."""
    return node.cordoned and bool(node.cordoned_for) and not node.cordoned_for.startswith(HOLDER)


def _chosen(hands: Hands, memory: Memory, node: GpuNode, reason: str) -> Drain:
    return Drain(
        node=node.name,
        group=node.group,
        place=str(hands.sight.groups[node.group]),
        began=hands.ports.clock.now(),
        turn=memory.sequence + 1,
        reason=reason,
        pods=draining.named(hands.sight.pods.get(node.name, [])),
    )


def _wanted_after_all(hands: Hands, memory: Memory) -> set[str]:
    """As many nodes in hand as would serve the pods that wait: cheaper than to buy others."""
    missing = sum(hands.sight.seen.pending)
    found = set()
    for drain in memory.drains:
        node = hands.sight.nodes.get(drain.node)
        if missing > 0 and node is not None and not drain.deleting:
            found.add(drain.node)
            missing -= node.gpus
    return found


def _step(hands: Hands, memory: Memory, drain: Drain) -> tuple[Memory, str, bool]:
    """The memory after it, a sentence, and whether there is a next action to take at once."""
    group = hands.sight.groups.get(drain.group)
    node, member = _seen(hands, drain)
    if not drain.spared and (why := _must_be_let_go(hands, drain, group, node)):
        memory, drain = _note(hands, memory, drain, spared=why)
    if drain.spared:
        return _spare(hands, memory, drain, node, member)
    if group is None:
        raise AssertionError("a node of no group is let go")
    _say(hands, drain, f"to drain and delete {drain.node}", drain.reason, "decided")
    if member is None:
        return _leave(hands, memory, drain, node)
    if node is None:
        return memory, "it has no node just now", False
    if not node.cordoned:
        hands.kubernetes.cordon(drain.node, reason=hands.key)
        return memory, "closed for pods", True
    return _empty(hands, memory, drain, group, member)


def _seen(hands: Hands, drain: Drain) -> tuple[Node | None, Json | None]:
    """Its node and its member, None where there is none (any more): a node of another VM of that name is none."""
    member = next(
        (each for each in hands.sight.members.get(drain.group, []) if last_part(each["instance"]) == drain.node), None
    )
    node = hands.sight.nodes.get(drain.node)
    if node is not None and member is not None and not node.is_of(str(member.get("id", ""))):
        node = None
    return node, member


def _must_be_let_go(hands: Hands, drain: Drain, group: GroupRef | None, node: Node | None) -> str:
    """Why, empty where it is to be emptied and deleted as before."""
    if group is None:
        return f"{drain.group} is no group of the provisioner any more"
    try:
        leases.take(hands.ports, leases.of_group(group), holder=hands.key, seconds=leases.LONG_SECONDS)
    except leases.Held as held:
        return str(held)
    if drain.deleting:
        return ""
    if drain.node in hands.states.suspended:
        return "its own ConfigMap says DrainAndSuspend"
    late = hands.ports.clock.now() - drain.began > hands.rules.timeout_seconds
    if node is None:
        return f"it has no node after {hands.rules.timeout_seconds} s" if late else ""
    if node.cordoned and node.cordoned_for != hands.key:
        return f"{node.cordoned_for or 'somebody else'} has closed it"
    if not node.cordoned and node.cordoned_for == hands.key:
        return "somebody has opened it again"
    if late and not node.cordoned:
        return f"nothing was done to it for {hands.rules.timeout_seconds} s, and much may have changed since"
    pods = hands.sight.pods.get(drain.node, [])
    now = hands.ports.clock.now()
    step = draining.next_step(pods, chosen=drain.pods, rules=hands.rules, began=drain.began, now=now)
    return step.reason if isinstance(step, draining.Spare) else ""


def _empty(hands: Hands, memory: Memory, drain: Drain, group: GroupRef, member: Json) -> tuple[Memory, str, bool]:
    """Ask its pods to leave, wait for them, or delete it once they are gone."""
    now = hands.ports.clock.now()
    pods = hands.sight.pods.get(drain.node, [])
    step = draining.next_step(pods, chosen=drain.pods, rules=hands.rules, began=drain.began, now=now)
    if isinstance(step, draining.Evict):
        return memory, _evict(hands, drain, step.pods), False
    if not isinstance(step, draining.Delete):
        return memory, step.reason, False
    if draining.movable(hands.kubernetes.pods_on(drain.node)):  # one that the scheduler had placed before it was closed
        return memory, "a pod has just come", False  # seen by the next tick: two lists that differ make no haste
    if not drain.deleting:
        memory, drain = _note(hands, memory, drain, deleting=True)
    hands.ports.compute.delete_instances(group, [member["instance"]], request_id=hands.ports.clock.unique())
    _say(hands, drain, f"drained and deleted {drain.node}", drain.reason, "deleted")
    return memory, f"drained and deleted: {drain.reason}", False


def _evict(hands: Hands, drain: Drain, pods: Sequence[Pod]) -> str:
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    _say(hands, drain, f"asks pods of {drain.node} to leave: {names}", drain.reason, f"evict {names}")
    refused = [pod for pod in pods if not hands.kubernetes.evict(pod)]
    return f"{len(pods) - len(refused)} pods asked to leave, {len(refused)} must not yet"


def _leave(hands: Hands, memory: Memory, drain: Drain, node: Node | None) -> tuple[Memory, str, bool]:
    """Its member is on its way out, or gone. It stays in hand, and closed, until its node is gone too."""
    if drain.deleting:
        _say(hands, drain, f"drained and deleted {drain.node}", drain.reason, "deleted")
    if node is not None and hands.ports.clock.now() - drain.began < hands.rules.timeout_seconds + LINGERS_SECONDS:
        return memory, "its instance is being deleted" if drain.deleting else _GONE, False
    if not drain.deleting:
        _say(hands, drain, f"{drain.node} is gone", _GONE, "gone")
    return _end(hands, memory, drain), "gone", True


def _spare(
    hands: Hands, memory: Memory, drain: Drain, node: Node | None, member: Json | None
) -> tuple[Memory, str, bool]:
    """Open it again if it was we who closed it, and nobody deletes it."""
    _say(hands, drain, f"spares {drain.node}", drain.spared, "spared")
    if node is not None and node.cordoned_for == hands.key and not (drain.deleting and member is None):
        open_again(hands.kubernetes, drain.node)
    _say(hands, drain, f"has let {drain.node} go", drain.spared, "let go")
    return _end(hands, memory, drain), f"spared: {drain.spared}", False


def open_again(kubernetes: Kubernetes, node: str) -> None:
    """Let pods onto the node again, if it is there."""
    try:
        kubernetes.uncordon(node)
    except Missing:
        return


def _note(hands: Hands, memory: Memory, drain: Drain, **changes: object) -> tuple[Memory, Drain]:
    changed = msgspec.structs.replace(drain, **changes)
    drains = tuple(changed if each.node == drain.node else each for each in memory.drains)
    return save(hands.ports, hands.key, memory, drains=drains), changed


def _end(hands: Hands, memory: Memory, drain: Drain) -> Memory:
    """The node is in hand no more; nor is its group, if it was the last of it, and who asked for it comes first."""
    now = hands.ports.clock.now()
    rest = tuple(each for each in memory.drains if each.node != drain.node)
    yields = {name: until for name, until in memory.yields.items() if until > now}
    if drain.place and all(each.place != drain.place for each in rest):
        lease = leases.of_group(GroupRef.parse(drain.place))
        if leases.give_back(hands.ports, lease, holder=hands.key):
            yields[drain.group] = now + YIELD_SECONDS
    spared = [each for each in memory.spared if each.node != drain.node and each.node in hands.sight.nodes]
    if drain.spared:
        spared.append(Spared(node=drain.node, at=now))
    saved = save(hands.ports, hands.key, memory, drains=rest, yields=yields, shrunk_at=now, spared=tuple(spared))
    metrics.drain(hands.key, "spared" if drain.spared else "deleted")
    return saved


def _say(hands: Hands, drain: Drain, what: str, why: str, once: str) -> None:
    record(
        hands.ports, kind="capacity", subject=hands.key, what=what, why=why, environment=hands.environment.name,
        once=f"drain {drain.turn} {drain.node} {once}",
    )  # fmt: skip
