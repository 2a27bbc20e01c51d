"""A fleet that carries the machine's steps out as the services do, in a time of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from poolwright.rollouts import canary, plan, steps
from poolwright.rollouts.gates.evidence import BootedNode, Evidence
from poolwright.rollouts.rollout import Policy, Rollout, Target, TargetState, with_targets

IMAGE = "poolwright-dev-42"


def targets(count: int) -> list[Target]:
    return [Target(group=f"projects/p/zones/z/instanceGroupManagers/g{index}", pool="pool") for index in range(count)]


def rollout(*, groups: int = 4, canary: bool = True, roll_back: bool = True) -> Rollout:
    return Rollout(
        id="dev-42",
        environment="dev",
        run_id=42,
        image=IMAGE,
        waves=plan.waves(targets(groups), fractions=(0.5, 1.0)),
        policy=Policy(bake_seconds=60, node_ready_seconds=600, canary_node=canary, roll_back_on_failure=roll_back),
        phase="mutating",
        created=1,
    )


@dataclass
class Fleet:
    """`documents`: the targets' own. `room`: whether a canary node can be made, `healthy`: whether it becomes so;
    `refuses`: groups that do not take the image. `done`: what was done, in order."""

    rollout: Rollout
    healthy: bool = True
    room: bool = True
    refuses: frozenset[str] = frozenset()
    closed: str = ""
    now: float = 100.0
    nodes: dict[str, BootedNode] = field(default_factory=dict)
    documents: dict[str, Target] = field(default_factory=dict)
    asked: list[Target] = field(default_factory=list)
    on_ours: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    @property
    def live(self) -> Rollout:
        return with_targets(self.rollout, self.documents)

    def step(self) -> steps.Step:
        """One step of the rollout."""
        live = self.live
        step = steps.next_step(live, self.seen(), now=self.now, closed=self.closed)
        if isinstance(step, steps.Become):
            self.rollout = step.rollout
        elif isinstance(step, steps.Hold):
            self.rollout = msgspec.structs.replace(live, reason=step.reason)
        elif isinstance(step, steps.BeginWave):
            self.rollout = steps.begun(live, now=self.now, facts={})
        elif isinstance(step, steps.Ask):
            self.rollout = steps.asked(live, now=self.now)
            self.asked += step.targets
        elif isinstance(step, canary.Name):
            self.rollout = canary.named(live, step.target, canary.name(live, "node"))
        elif isinstance(step, canary.Make):
            self._make(live)
        elif isinstance(step, canary.GiveUp):
            self.done.append("give up canary")
            self.nodes.pop(live.canary, None)
            self.rollout = canary.given_up(live, step.reason, now=self.now)
        elif isinstance(step, canary.Remove):
            self.done.append("remove canary")
            self.nodes.pop(live.canary, None)
            self.rollout = canary.removed(live, proved=step.proved)
        else:
            self.now += 30
        return step

    def change(self, target: Target) -> None:
        """One step of a target: what the rollout wants of it now, whatever it wanted when it asked."""
        now = self.documents.get(target.group, target)
        todo = "" if self.rollout.paused else self.rollout.left_to_do(now)
        name = target.group.rpartition("/")[2]
        if todo == "mutate" and name in self.refuses:
            self._settle(now, "refused")
        elif todo == "mutate":
            self.done.append(f"mutate {name}")
            self.on_ours.add(target.group)
            self._settle(now, "mutated")
        elif todo == "roll back":
            self.done.append(f"roll back {name}")
            self.on_ours.discard(target.group)
            self._settle(now, "rolled back")

    def run(self, limit: int = 800) -> Rollout:
        """Until it is finished, or holds for good."""
        for _ in range(limit):
            if self.rollout.settled:
                break
            self.step()
            while self.asked:
                self.change(self.asked.pop(0))
        return self.live

    def seen(self) -> Evidence | None:
        if not steps.looks_at_nodes(self.rollout):
            return None
        nodes = tuple(
            node for node in self.nodes.values() if node.group in {t.group for t in self.live.current.targets}
        )
        return Evidence(
            wave=self.rollout.current.name, now=self.now, image=IMAGE, node_ready_seconds=600, nodes=nodes, baseline=0
        )

    def _settle(self, target: Target, state: TargetState) -> None:
        self.documents[target.group] = msgspec.structs.replace(target, state=state)

    def _make(self, live: Rollout) -> None:
        self.done.append("make canary")
        errors = () if self.room else ("ZONE_RESOURCE_POOL_EXHAUSTED: no room",)
        self.nodes[live.canary] = node(
            live.canary, live.canary_group, healthy=self.healthy, errors=errors, since=self.now
        )
        self.rollout = canary.made(live, now=self.now)


def node(name: str, group: str, *, healthy: bool = True, errors: tuple[str, ...] = (), since: float = 0) -> BootedNode:
    return BootedNode(
        name=name, group=group, registered=not errors, ready=not errors, gpus=2 if healthy else 0, gpus_expected=2,
        errors=errors, since=since, booted=IMAGE,
    )  # fmt: skip


def verdicts(end: Rollout) -> Mapping[str, str]:
    return {wave.name: wave.verdict for wave in end.waves}
