"""One provisioner: what it sees, what it decides, and the one thing it does about it now."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from poolwright import environments
from poolwright.capacity import decision as rules
from poolwright.capacity.observation import Observation
from poolwright.capacity.provisioner import BadProvisioner, Provisioner, decode
from poolwright.environments import Environment, Mode
from poolwright.events.work import ProvisionerWork
from poolwright.references import ClusterRef, last_part
from poolwright.services import closed_nodes, drain_nodes, observe_provisioner, state
from poolwright.services.memory import Growth, Memory, load, save
from poolwright.services.observe_provisioner import Sight
from poolwright.services.ports import Json, Kubernetes, Missing, Ports
from poolwright.services.records import record
from poolwright.services.work import Done
from poolwright.verdicts import Irrelevant

log = logging.getLogger(__name__)


def handle(work: ProvisionerWork, ports: Ports) -> Done:
    """Finish what is begun, else decide anew. Irrelevant, Busy, Weather."""
    ref = ClusterRef(work.project, work.location, work.cluster)
    environment = environments.of_cluster(ports.environments, ref)
    if environment is None:
        raise Irrelevant(f"no environment has {ref}")
    kubernetes = ports.clusters.kubernetes(ref)
    body = _object(kubernetes, ref, work.name)
    key, mode = f"{ref}/nodeProvisioners/{work.name}", environment.mode
    try:
        provisioner = decode(body)
        mode = _mode(environment, provisioner)
        sight = observe_provisioner.observe(ports, environment, ref, kubernetes, provisioner)
    except (BadProvisioner, observe_provisioner.Unsuited) as refusal:
        if mode == "observe":
            record(ports, kind="capacity", subject=key, what="refused", why=str(refusal), environment=environment.name)
        else:
            _tell(kubernetes, body, ready=False, reason="Refused", text=str(refusal), seen=None)
        memory = load(ports, key)
        closed_nodes.let_go(ports, environment, kubernetes, key=key, memory=memory, why=str(refusal))
        return Done(f"{work.name} is refused: {refusal}")
    memory = load(ports, key)
    if mode != "act":
        why = f"mode is {mode} now"
        memory = closed_nodes.let_go(ports, environment, kubernetes, key=key, memory=memory, why=why)
    if mode == "observe":
        return _observe(ports, environment, provisioner, sight, key=key, memory=memory, cause=work.cause)
    hands = drain_nodes.Hands(
        ports, environment, kubernetes, sight, key=key, rules=provisioner.spec.drain, states=state.read(kubernetes)
    )
    if memory.drains:
        return drain_nodes.go_on(hands, memory)[1]
    if memory.growth is not None:
        return _create(ports, sight, key=key, memory=memory, cause=work.cause)
    decision = rules.decide(
        provisioner.spec,
        sight.seen,
        grown_at=memory.grown_at,
        shrunk_at=memory.shrunk_at,
        now=ports.clock.now(),
        at_once=drain_nodes.at_once(environment),
    )
    _tell(kubernetes, body, ready=True, reason=type(decision).__name__, text=decision.reason, seen=sight.seen)
    if isinstance(decision, rules.Hold):
        return Done(f"{work.name} holds: {decision.reason}")
    if mode != "act":
        return _would(ports, environment, decision, mode, key=key, cause=work.cause)
    if isinstance(decision, rules.Grow):
        growth = Growth(group=decision.group, names=_names(ports, sight, decision, key, memory), reason=decision.reason)
        memory = save(ports, key, memory, sequence=memory.sequence + 1, growth=growth)
        return _create(ports, sight, key=key, memory=memory, cause=work.cause)
    memory, sentence = drain_nodes.begin(hands, memory, decision)
    return drain_nodes.go_on(hands, memory)[1] if memory.drains else Done(f"{work.name} holds: {sentence}")


def _observe(
    ports: Ports,
    environment: Environment,
    provisioner: Provisioner,
    sight: Sight,
    *,
    key: str,
    memory: Memory,
    cause: str,
) -> Done:
    """Decide and record, and write nothing, neither the provisioner's status nor what an earlier mode began."""
    decision = rules.decide(
        provisioner.spec,
        sight.seen,
        grown_at=memory.grown_at,
        shrunk_at=memory.shrunk_at,
        now=ports.clock.now(),
        at_once=1,
    )
    if isinstance(decision, rules.Hold):
        return Done(f"{key} holds: {decision.reason}; mode is observe")
    return _would(ports, environment, decision, "observe", key=key, cause=cause)


def _would(
    ports: Ports, environment: Environment, decision: rules.Decision, mode: str, *, key: str, cause: str
) -> Done:
    what, why = f"would {_words(decision)}", f"{decision.reason}; mode is {mode}"
    record(
        ports, kind="capacity", subject=key, what=what, why=why, cause=cause, once=f"{what}|{why}",
        environment=environment.name,
    )  # fmt: skip
    return Done(f"{key} {what}: {why}")


def _object(kubernetes: Kubernetes, ref: ClusterRef, name: str) -> Json:
    for body in kubernetes.provisioners():
        if body.get("metadata", {}).get("name") == name:
            return body
    raise Irrelevant(f"{ref} has no NodeProvisioner {name}; correct poolwright_provisioner of the alert policy")


def _mode(environment: Environment, provisioner: Provisioner) -> Mode:
    """The more careful of the two."""
    order: tuple[Mode, ...] = ("observe", "offer", "act")
    return min(environment.mode, provisioner.spec.mode, key=order.index)


def _words(decision: rules.Decision) -> str:
    if isinstance(decision, rules.Grow):
        return f"add {decision.count} nodes to {decision.group}"
    if isinstance(decision, rules.Shrink):
        return f"drain {', '.join(node.name for node in decision.nodes)}"
    return "hold"


def _names(ports: Ports, sight: Sight, decision: rules.Grow, key: str, memory: Memory) -> tuple[str, ...]:
    """Names that derive from the decision, so that a repeat makes the same instances and no more."""
    base = ports.compute.group(sight.groups[decision.group])["baseInstanceName"]
    found = []
    for index in range(decision.count):
        digest = hashlib.sha256(f"{key}|{memory.sequence + 1}|{index}".encode()).hexdigest()
        found.append(f"{base}-{digest[:4]}")
    return tuple(found)


def _create(ports: Ports, sight: Sight, *, key: str, memory: Memory, cause: str) -> Done:
    """Ask for the members that were decided on and are not there yet."""
    growth = memory.growth
    if growth is None:
        raise AssertionError("no growth is under way")
    group = sight.groups.get(growth.group)
    if group is not None:
        record(
            ports, kind="capacity", subject=key, what=f"to ask for {len(growth.names)} nodes in {growth.group}",
            why=growth.reason, cause=cause, once=f"grow {memory.sequence} decided", nodes=list(growth.names),
        )  # fmt: skip
        here = {last_part(member["instance"]) for member in sight.members[growth.group]}
        missing = [name for name in growth.names if name not in here]
        if missing:
            ports.compute.create_instances(group, missing, request_id=ports.clock.unique())
        record(
            ports, kind="capacity", subject=key, what=f"asked for {len(growth.names)} nodes in {growth.group}",
            why=growth.reason, cause=cause, once=f"grow {memory.sequence}", nodes=list(growth.names),
        )  # fmt: skip
    save(ports, key, memory, growth=None, grown_at=ports.clock.now())
    return Done(f"asked for {len(growth.names)} nodes in {growth.group}: {growth.reason}")


def _tell(kubernetes: Kubernetes, body: Json, *, ready: bool, reason: str, text: str, seen: Observation | None) -> None:
    """Write the status, if it says something new: `kubectl get nodeprovisioners` shows it."""
    status: dict[str, Any] = {
        "conditions": [{"type": "Ready", "status": "True" if ready else "False", "reason": reason, "message": text}],
        "lastDecision": {"action": reason, "reason": text},
    }
    if seen is not None:
        status["observed"] = {"nodes": len(seen.serving), "onTheWay": seen.on_the_way, "pendingPods": len(seen.pending)}
    known = body.get("status", {})
    if all(known.get(name) == value for name, value in status.items()):
        return
    try:
        kubernetes.set_provisioner_status(body["metadata"]["name"], status)
    except Missing:
        log.warning("NodeProvisioner %s is gone or has no status subresource", body["metadata"]["name"])
