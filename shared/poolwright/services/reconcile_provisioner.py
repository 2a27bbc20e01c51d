"""One provisioner: what it sees, what it decides, and what it does about it now.

What is in hand is gone on with first: members that were asked for, nodes that are being emptied, a growth that was
decided. While nodes are being emptied capacity may grow for pods that wait, and nothing more is taken into hand. Calls:
those of an observation (services/observe_provisioner.py), one for the provisioners and one for the ConfigMaps of the
cluster; where the group is asked for nodes one for each 1,000, and where the status says something new one for that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from poolwright import environments, metrics
from poolwright.capacity import decision as rules
from poolwright.capacity import status
from poolwright.capacity.observation import Observation
from poolwright.capacity.provisioner import BadProvisioner, Provisioner, decode
from poolwright.environments import Environment, Mode
from poolwright.events.work import ProvisionerWork
from poolwright.references import ClusterRef
from poolwright.services import (
    closed_nodes,
    drain_nodes,
    growing,
    observe_provisioner,
    second_masters,
    state,
    stockouts,
)
from poolwright.services.memory import Memory, load
from poolwright.services.memory import key as memory_key
from poolwright.services.observe_provisioner import Sight
from poolwright.services.ports import Json, Kubernetes, Missing, Ports
from poolwright.services.records import record
from poolwright.services.state import States
from poolwright.services.work import Done
from poolwright.verdicts import Irrelevant

log = logging.getLogger(__name__)


def handle(work: ProvisionerWork, ports: Ports) -> Done:
    """Go on with what is begun, and decide anew. Irrelevant, Busy, Weather."""
    ref = ClusterRef(work.project, work.location, work.cluster)
    environment = environments.of_cluster(ports.environments, ref)
    if environment is None:
        raise Irrelevant(f"no environment has {ref}")
    try:
        cluster, kubernetes = ports.gke.cluster(ref), ports.clusters.kubernetes(ref)
    except Missing:
        raise Irrelevant(f"GKE knows no {ref}: it is gone, or the message was made up") from None
    everybody = kubernetes.provisioners()
    body = _object(everybody, ref, work.name)
    key = memory_key(ref, work.name)
    memory, states, mode = load(ports, key), state.read(kubernetes), environment.mode
    if states.problem or states.suspended:
        metrics.brake("cluster" if states.problem else "node", str(ref))
    try:
        provisioner = decode(body)
        mode = _mode(environment, provisioner)
        if why := second_masters.refusal(provisioner, cluster, everybody):
            page = Page(ports, kubernetes, body, mode, states)
            return _refuse(page, environment, memory, why, key=key, reason=second_masters.REASON)
        sight = observe_provisioner.observe(
            ports, environment, cluster, kubernetes, provisioner, key=key, memory=memory, states=states
        )
    except (BadProvisioner, observe_provisioner.Unsuited) as refusal:
        page = Page(ports, kubernetes, body, mode, states)
        return _refuse(page, environment, memory, str(refusal), key=key)
    if mode != "act":
        why = f"mode is {mode} now"
        memory = closed_nodes.let_go(ports, environment, kubernetes, key=key, memory=memory, why=why)
    step = Step(
        ports=ports, environment=environment, provisioner=provisioner, key=key, cause=work.cause, mode=mode,
        states=states, kubernetes=kubernetes,
        page=Page(ports, kubernetes, body, mode, states, second_masters.notes(provisioner, cluster)),
    )  # fmt: skip
    if mode == "act":
        return step.act(memory, sight)
    return step.offer(memory, sight)


@dataclass(frozen=True)
class Page:
    """The provisioner's status, which `kubectl get nodeprovisioners` shows. In mode observe nothing is written.
    `notes`: what people may want to know though all is well."""

    ports: Ports
    kubernetes: Kubernetes
    body: Json
    mode: Mode
    states: States
    notes: Sequence[str] = ()

    def tell(
        self,
        *,
        seen: Observation | None,
        decision: rules.Decision | None = None,
        memory: Memory | None = None,
        refusal: str = "",
        reason: str = "Refused",
        at_work: str = "",
    ) -> None:
        """Write it, if it says something new."""
        if self.mode == "observe":
            return
        name, known = self.body["metadata"]["name"], self.body.get("status") or {}
        made = status.build(
            generation=self.body["metadata"].get("generation", 0), mode=self.mode, state=self.states.state, seen=seen,
            decision=decision, previous=known, now=self.ports.clock.now(), refusal=refusal, refusal_reason=reason,
            suspended="" if refusal else self.states.problem, at_work=at_work, notes=self.notes,
            dry=stockouts.until(memory) if memory else None,
        )  # fmt: skip
        changes = status.patch(known, made)
        if not changes:
            return
        try:
            self.kubernetes.set_provisioner_status(name, changes)
        except Missing:
            log.warning("NodeProvisioner %s is gone or has no status subresource", name)


@dataclass(frozen=True)
class Step:
    """One step at a provisioner that can be worked with."""

    ports: Ports
    environment: Environment
    provisioner: Provisioner
    key: str
    cause: str
    mode: Mode
    states: States
    kubernetes: Kubernetes
    page: Page

    def act(self, memory: Memory, sight: Sight) -> Done:
        """Do what is to be done now."""
        ports, environment = self.ports, self.environment
        memory, sight = stockouts.look_after(
            ports, environment, sight, memory, key=self.key, cause=self.cause, cancels=not self.states.problem
        )
        sight = sight.refusing(stockouts.refusals(memory, now=ports.clock.now()))
        hands = drain_nodes.Hands(
            ports, environment, self.kubernetes, sight, key=self.key, rules=self.provisioner.spec.drain,
            states=self.states,
        )  # fmt: skip
        if memory.drains:
            in_hand = memory.drains
            memory, done = drain_nodes.go_on(hands, memory)
            if done.again or memory.drains != in_hand or not sight.seen.pending:  # a node more, or less, than was seen
                self.page.tell(seen=sight.seen, memory=memory, at_work=done.sentence)
                metrics.decision(self.key, "working")
                return done
        if memory.growth is not None:
            metrics.decision(self.key, "working")
            return self._grow(memory, sight, None)
        decision = self._decide(memory, sight)
        metrics.decision(self.key, "suspended" if self.states.problem else self._action(decision, sight, memory))
        if self.states.problem and not isinstance(decision, rules.Shrink):  # a node's own word wins over the cluster's
            self.page.tell(seen=sight.seen, memory=memory, decision=decision)
            return Done(f"{self.provisioner.name} begins nothing: {self.states.problem}")
        if isinstance(decision, rules.Grow):
            memory = growing.begin(ports, sight, decision, memory, key=self.key)
            return self._grow(memory, sight, decision)
        self.page.tell(seen=sight.seen, memory=memory, decision=decision)
        if isinstance(decision, rules.Hold) or memory.drains:
            return Done(f"{self.provisioner.name} holds: {decision.reason}")
        memory, sentence = drain_nodes.begin(hands, memory, decision)
        return drain_nodes.go_on(hands, memory)[1] if memory.drains else Done(f"{self.key} holds: {sentence}")

    def offer(self, memory: Memory, sight: Sight) -> Done:
        """Decide and record, and do nothing; in mode offer the status says what would be done."""
        sight = sight.refusing(stockouts.refusals(memory, now=self.ports.clock.now()))
        decision = self._decide(memory, sight)
        metrics.decision(self.key, self._action(decision, sight, memory))
        self.page.tell(seen=sight.seen, memory=memory, decision=decision)
        if isinstance(decision, rules.Hold):
            return Done(f"{self.key} holds: {decision.reason}; mode is {self.mode}")
        what, why = f"would {_words(decision)}", f"{decision.reason}; mode is {self.mode}"
        record(
            self.ports, kind="capacity", subject=self.key, what=what, why=why, cause=self.cause, once=f"{what}|{why}",
            environment=self.environment.name,
        )  # fmt: skip
        return Done(f"{self.key} {what}: {why}")

    def _decide(self, memory: Memory, sight: Sight) -> rules.Decision:
        return rules.decide(
            self.provisioner.spec,
            sight.seen,
            grown_at=memory.grown_at,
            shrunk_at=memory.shrunk_at,
            now=self.ports.clock.now(),
            at_once=drain_nodes.at_once(self.environment),
        )

    def _action(self, decision: rules.Decision, sight: Sight, memory: Memory) -> metrics.Action:
        """The decision in a word."""
        if isinstance(decision, rules.Grow):
            return "grow"
        if isinstance(decision, rules.Shrink):
            return "shrink"
        dry = stockouts.refusals(memory, now=self.ports.clock.now())
        return "short" if dry and any(sight.seen.pending) else "hold"

    def _grow(self, memory: Memory, sight: Sight, decision: rules.Grow | None) -> Done:
        memory, done = growing.go_on(self.ports, self.environment, sight, memory, key=self.key, cause=self.cause)
        self.page.tell(seen=sight.seen, memory=memory, decision=decision, at_work="" if decision else done.sentence)
        return done


def _refuse(
    page: Page, environment: Environment, memory: Memory, refusal: str, *, key: str, reason: str = "Refused"
) -> Done:
    if page.mode == "observe":
        record(page.ports, kind="capacity", subject=key, what="refused", why=refusal, environment=environment.name)
    page.tell(seen=None, refusal=refusal, reason=reason)
    metrics.decision(key, "refused")
    closed_nodes.let_go(page.ports, environment, page.kubernetes, key=key, memory=memory, why=refusal)
    return Done(f"{key} is refused: {refusal}")


def _object(everybody: Iterable[Json], ref: ClusterRef, name: str) -> Json:
    for body in everybody:
        if body.get("metadata", {}).get("name") == name:
            return body
    raise Irrelevant(f"{ref} has no NodeProvisioner {name}; correct poolwright_provisioner of the alert policy")


def _mode(environment: Environment, provisioner: Provisioner) -> Mode:
    """The more careful of the two."""
    order: tuple[Mode, ...] = ("observe", "offer", "act")
    return min(environment.mode, provisioner.spec.mode, key=order.index)


def _words(decision: rules.Grow | rules.Shrink) -> str:
    if isinstance(decision, rules.Grow):
        return f"add {decision.count} nodes to {decision.group}"
    return f"drain {', '.join(node.name for node in decision.nodes)}"
