"""The nodes of a cluster that are closed for pods in our name, and nobody else's step sees to: those that people
suspended by a ConfigMap (services/state.py), which are emptied and left there, and those that somebody of us forgot,
which are opened again.

A tick asks for the step as long as there is such a node. In the cluster it needs: configmaps list in namespace
`poolwright`; nodes list, patch; pods list; pods/eviction create; nodeprovisioners list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from poolwright import environments
from poolwright.capacity import draining
from poolwright.entries import Entry
from poolwright.environments import Environment
from poolwright.events.work import ClusterWork
from poolwright.nodes import POOL_LABEL, Node, Pod
from poolwright.references import ClusterRef, GroupRef, last_part
from poolwright.services import intents, leases, state
from poolwright.services.drain_nodes import open_again
from poolwright.services.intents import Intent
from poolwright.services.memory import Memory, load, save
from poolwright.services.ports import Json, Kubernetes, Missing, Ports
from poolwright.services.records import ensure, record
from poolwright.services.state import HOLDER, States
from poolwright.services.work import Done
from poolwright.verdicts import Irrelevant

_LEAVING = ("DELETING", "ABANDONING")
_ZONE = "topology.kubernetes.io/zone"
_ACCELERATOR = "cloud.google.com/gke-accelerator"


@dataclass(frozen=True)
class Place:
    """A cluster that is looked after."""

    ports: Ports
    environment: Environment
    ref: ClusterRef
    kubernetes: Kubernetes

    def entry(self, node: str, what: str, why: str, once: str) -> Entry:
        """Something of a node."""
        return Entry(
            kind="state", subject=f"{self.ref}/nodes/{node}", what=what, why=why, at=self.ports.clock.now(),
            environment=self.environment.name, once=once,
        )  # fmt: skip

    def say(self, node: str, what: str, why: str, once: str) -> None:
        """Record something of a node, once."""
        ensure(self.ports, self.entry(node, what, why, once))


def is_due(ports: Ports, ref: ClusterRef) -> bool:
    """Whether there is such a node, or may be. Two calls. Weather."""
    kubernetes = ports.clusters.kubernetes(ref)
    ours = (HOLDER, _provisioner_key(ref, ""))
    if any(node.cordoned_for.startswith(ours) for node in kubernetes.cordoned_nodes()):
        return True
    return bool(_begun(ports, ref) or state.read(kubernetes).suspended)


def handle(work: ClusterWork, ports: Ports) -> Done:
    """See to each of them. Irrelevant, Busy, Weather."""
    ref = ClusterRef(work.project, work.location, work.cluster)
    environment = environments.of_cluster(ports.environments, ref)
    if environment is None:
        raise Irrelevant(f"no environment has {ref}")
    try:
        kubernetes = ports.clusters.kubernetes(ref)
    except Missing:
        raise Irrelevant(f"GKE knows no {ref}: it is gone, or the message was made up") from None
    place = Place(ports, environment, ref, kubernetes)
    states = state.read(place.kubernetes)
    closed = place.kubernetes.cordoned_nodes()
    _complete_records(place, closed)
    said = [*_lift(place, states, closed), *_open_forgotten(place, closed), *_suspend(place, states)]
    return Done("; ".join(said) or f"no node of {ref.name} is closed in our name")


def let_go(
    ports: Ports, environment: Environment, kubernetes: Kubernetes, *, key: str, memory: Memory, why: str
) -> Memory:
    """Whatever nodes a provisioner has in hand are opened again, less those that are being deleted; the memory then.
    For whom no drain may go on: its provisioner is gone, refused or no longer acts. Busy, Weather."""
    if not memory.drains:
        return memory
    memory = save(ports, key, memory, drains=tuple(msgspec.structs.replace(each, spared=why) for each in memory.drains))
    closed = {node.name: node for node in kubernetes.cordoned_nodes()}
    for drain in memory.drains:
        record(
            ports, kind="capacity", subject=key, what=f"spares {drain.node}", why=drain.spared,
            environment=environment.name, once=f"drain {drain.turn} {drain.node} spared",
        )  # fmt: skip
        node = closed.get(drain.node)
        group = GroupRef.parse(drain.place) if drain.place else None
        if node is not None and node.cordoned_for == key:
            leaves = drain.deleting and (group is None or not _is_member(node, ports.compute.members(group)))
            if not leaves:
                open_again(kubernetes, node.name)
        record(
            ports, kind="capacity", subject=key, what=f"has let {drain.node} go", why=drain.spared,
            environment=environment.name, once=f"drain {drain.turn} {drain.node} let go",
        )  # fmt: skip
        if group is not None:
            leases.give_back(ports, leases.of_group(group), holder=key)
    return save(ports, key, memory, drains=(), shrunk_at=ports.clock.now())


def _lift(place: Place, states: States, closed: Iterable[Node]) -> Iterator[str]:
    """Nodes that nobody suspends any more. Where that cannot be read, or is no word of ours, they stay as they are."""
    for node in closed:
        lifted = node.name not in states.nodes or states.nodes[node.name] == state.RUNNING
        if node.cordoned_for.startswith(HOLDER) and states.readable and lifted:
            _open(place, node, "nobody suspends it any more", f"{node.cordoned_for} over")
            yield f"{node.name}: open again"


def _open_forgotten(place: Place, closed: Sequence[Node]) -> Iterator[str]:
    """Nodes that a provisioner closed and has not in hand: it is gone, or its memory is."""
    ours = _provisioner_key(place.ref, "")
    keys = sorted({node.cordoned_for for node in closed if node.cordoned_for.startswith(ours)})
    if not keys:
        return
    there = {_provisioner_key(place.ref, body["metadata"]["name"]) for body in place.kubernetes.provisioners()}
    for key in keys:
        memory = load(place.ports, key)
        in_hand = {each.node for each in memory.drains}
        if key not in there:
            why = "its NodeProvisioner is gone"
            let_go(place.ports, place.environment, place.kubernetes, key=key, memory=memory, why=why)
        for node in closed:
            if node.cordoned_for == key and node.name not in in_hand and _is_there(place, node):
                why = f"{last_part(key)} closed it and has it in hand no more"
                _open(place, node, why, f"forgotten {key} {memory.sequence}")
                yield f"{node.name}: open again, {why}"


def _open(place: Place, node: Node, why: str, once: str) -> None:
    decision = place.entry(node.name, f"to open {node.name} again", why, once)
    effect = place.entry(node.name, f"{node.name} is open again", why, f"{once}, done")
    begun = intents.begin(
        place.ports, intents.Intent(decision=decision, effect=effect), happened=lambda left: not node.cordoned
    )
    open_again(place.kubernetes, node.name)
    intents.end(place.ports, begun)


def _complete_records(place: Place, closed: Iterable[Node]) -> None:
    """Of nodes that somebody began to open, and ended before he could say that he had."""
    still = {node.name for node in closed}
    for left in _begun(place.ports, place.ref):
        intents.complete(place.ports, left.thing, happened=lambda left: last_part(left.thing) not in still)


def _begun(ports: Ports, ref: ClusterRef) -> list[Intent]:
    return [each for each in intents.under_way(ports) if each.thing.startswith(f"{ref}/nodes/")]


def _is_there(place: Place, node: Node) -> bool:
    """Whether its VM is a member of a group and stays one: a node whose VM is being deleted stays closed."""
    for pool in place.ports.gke.cluster(place.ref).pools:
        for group in pool.groups if pool.ref.name == node.labels.get(POOL_LABEL) else ():
            if node.labels.get(_ZONE, group.zone) == group.zone and _is_member(
                node, place.ports.compute.members(group)
            ):
                return True
    return False


def _is_member(node: Node, members: Iterable[Json]) -> bool:
    return any(
        last_part(each["instance"]) == node.name
        and each.get("currentAction") not in _LEAVING
        and node.is_of(str(each.get("id", "")))
        for each in members
    )


def _suspend(place: Place, states: States) -> Iterator[str]:
    """Close and empty the nodes that people suspended, within their pods' budgets, for as long as that takes."""
    if not states.suspended:
        return
    for node in place.kubernetes.nodes():
        if node.name not in states.suspended:
            continue
        if not node.gpus and _ACCELERATOR not in node.labels:
            yield f"{node.name}: left alone, it has no GPUs"
        elif place.environment.mode == "observe":
            yield f"{node.name}: would be closed and emptied; mode is observe"
        elif node.cordoned and node.cordoned_for and not node.cordoned_for.startswith(HOLDER):
            yield f"{node.name}: {node.cordoned_for} has it in hand, and lets it go first"
        else:
            yield f"{node.name}: {_empty(place, node, states.holder(node.name))}"


def _empty(place: Place, node: Node, holder: str) -> str:
    """One that a person has closed himself is emptied too, and stays his to open."""
    why = f"ConfigMap {state.NAMESPACE}/{state.OF_NODE}{node.name} says {state.SUSPENDED}"
    if not node.cordoned or (node.cordoned_for and node.cordoned_for != holder):
        place.say(node.name, f"to close and empty {node.name}, and leave it there", why, holder)
        place.kubernetes.cordon(node.name, reason=holder)
    pods = draining.movable(place.kubernetes.pods_on(node.name))
    if not pods:
        place.say(node.name, f"{node.name} is empty, and stays closed", why, f"{holder} empty")
        return "closed and empty"
    if staying := [pod for pod in pods if not pod.deleting and not pod.attachment][: draining.MOST_EVICTIONS]:
        _evict(place, node, staying, why, holder)
    kept = [pod.attachment for pod in pods if pod.attachment]
    return f"closed, {len(pods)} pods are still there{f', {kept[0]}' if kept else ''}"


def _evict(place: Place, node: Node, pods: Sequence[Pod], why: str, holder: str) -> None:
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    place.say(node.name, f"asks pods of {node.name} to leave: {names}", why, f"{holder} evict {names}")
    for pod in pods:
        place.kubernetes.evict(pod)


def _provisioner_key(ref: ClusterRef, name: str) -> str:
    return f"{ref}/nodeProvisioners/{name}"
