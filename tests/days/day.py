"""A day in manual time: poolwright deployed on the stand-in, people and mishaps around it, messages that come twice,
late or never, and judges who look at the world after every step.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localcloud.kubernetes import ClusterApi
from localcloud.kubernetes.store import Change
from tests.chaos.harness import TWISTS, WISHES, Delivery, Flow
from tests.days import outside
from tests.days.judges import Court
from tests.days.mishaps import Mishaps
from tests.days.outside import Sight
from tests.days.people import People

Json = dict[str, Any]
LOOK_SECONDS = 5.0
TICK_SECONDS = 60.0  # as Cloud Scheduler's
ROUGH = 0.15  # of the messages that something befalls: each comes twice, late, in the wrong order or never
CLUSTER = "projects/days-gpu/locations/us-central1/clusters/serving"
CALM_SECONDS = 1800.0  # longer than any drain of the world


class Violation(AssertionError):
    """A judge saw what must not be."""


@dataclass
class Day(Flow):
    """One day. It ends at the first finding of a judge."""

    people: People | None = None
    mishaps: Mishaps | None = None
    court: Court = field(default_factory=Court)
    dice: random.Random = field(default_factory=lambda: random.Random(0))
    rough: float = 0.0
    _heard: bool = False

    @property
    def api(self) -> ClusterApi:
        """The cluster as its people see it; in the stand-in's thread."""
        return self.stack.gke.clusters[CLUSTER]

    def wake(self) -> None:
        """The day begins."""
        self.begin()
        self._next_tick = self.now() + TICK_SECONDS
        self.there(self._listen)

    def live(self, hours: float) -> None:
        """Let it go on; Violation."""
        self.pass_time(hours * 3600)

    def sleep(self) -> None:
        """Nobody comes any more, all that went wrong is mended, and what poolwright has begun must end. Violation."""
        if self.mishaps is not None:
            mishaps = self.mishaps
            self.there(lambda: mishaps.end(self, outside.look(self, CLUSTER)))
        self.people, self.rough = None, 0.0
        self.pass_time(CALM_SECONDS)
        for _ in range(int(CALM_SECONDS / TICK_SECONDS)):  # a drain that a budget holds up is given up, and begun anew
            if not self.there(self._closed):
                break
            self.pass_time(TICK_SECONDS)
        self._judge("the end", self.court.at_the_end)

    def _closed(self) -> list[str]:
        return [name for name, node in outside.look(self, CLUSTER).nodes.items() if node.cordoned]

    # Time and messages

    async def _live(self, end: float) -> None:
        world, pubsub = self.stack.world, self.stack.pubsub
        assert pubsub is not None
        while self.now() < end and not self._due():
            world.simulation.advance(min(LOOK_SECONDS, end - self.now()))
            sight = outside.look(self, CLUSTER)
            if self.people is not None:
                self.people.step(self.api, self.now())
            if self.mishaps is not None:
                self.mishaps.step(self, sight)
            self._look()
            if self.now() >= self._next_tick:
                self._next_tick += TICK_SECONDS
                world.publish("ticks", b"{}", {})
            await pubsub.settle()

    def _deliver(self, delivery: Delivery) -> None:
        fresh = delivery.attempt == 1 and not delivery.due and delivery.subscription not in WISHES
        if fresh and self.dice.random() < self.rough:
            twist = self.dice.choice(TWISTS)
            self.court.happened[f"{twist} messages"] += 1
            self._befall(delivery, twist)
        else:
            super()._deliver(delivery)
        del self.delivered[:-5]
        del self.answers[:-5]
        self._judge(str(delivery), lambda sight: None)

    # What the judges hear

    def _listen(self) -> None:
        self.api.subscribe(self._changed)
        if not self._heard:
            self._heard = True
            self.stack.world.listen("instance.deleting", self._deleting)

    def _changed(self, change: Change) -> None:
        tables = self.stack.world.table("kubernetes")[CLUSTER]
        if self.ground.current is self and change.key == "pods":
            self.court.pod_changed(change, tables, self.now())

    def _deleting(self, instance: Json) -> None:
        if self.ground.current is self:
            self.court.instance_deleted(instance["name"], outside.look(self, CLUSTER))

    def _judge(self, after: str, more: Callable[[Sight], None]) -> None:
        def inside() -> None:
            self._look()
            more(outside.look(self, CLUSTER))

        self.there(inside)
        if self.court.findings:
            raise Violation(f"after {after}, at {self.now():.0f}:\n" + "\n".join([*self.court.findings, *self._said()]))

    def _said(self) -> list[str]:
        """What poolwright says of it all, for whoever looks for the cause."""
        tables = self.stack.world.table("kubernetes")[CLUSTER]
        found = tables.get("nodeprovisioners.compute.poolwright.dev", {}).values()
        memories = [f"{each.key}: {each.body}" for each in self.ports.store.all("provisioners")]
        records = sorted((each.body for each in self.ports.store.all("records")), key=lambda each: each["at"])
        told = [f"{each['at']:.0f} {each['subject']}: {each['what']}: {each['why']}" for each in records]
        return ["-- poolwright says", *(str(each.get("status")) for each in found), *memories, *told[-12:]]

    def _look(self) -> None:
        calls = list(self.stack.world.calls)
        self.stack.world.calls.clear()
        self.court.look(outside.look(self, CLUSTER), calls)

    # What mishaps do

    def stock(self, zone: str, machine: str, count: int | None) -> None:
        """So many machines the zone has in all; None: plenty."""
        table = self.stack.world.table("compute.stock").setdefault(zone, {})
        table.pop(machine, None)
        if count is not None:
            table[machine] = count

    def fail(self, node: str) -> None:
        """Its kubelet speaks no more."""
        self.court.happened["failed nodes"] += 1
        self._set_ready(node, "Unknown")

    def repair(self, node: str) -> None:
        """As GKE repairs a node that is not Ready: its VM is made anew by its group."""
        path = next((p for p in self.stack.world.table("compute.instances") if p.endswith(f"/{node}")), None)
        if path is not None:
            self.court.repaired.add(node)
            self.stack.compute.delete_instance(path.split("/")[3], node)

    def late_gpus(self, seconds: float) -> None:
        """From now on nodes get their GPUs so long after they are Ready."""
        self.court.happened["late GPUs"] += 1
        self.stack.world.table("gke.timings")["gpuStock"] = seconds

    def cordon(self, node: str, *, closed: bool) -> None:
        """A person does."""
        self.court.cordoned_by_people(node, closed=closed)
        self.api.patch("nodes", node, {"spec": {"unschedulable": True if closed else None}})

    def _set_ready(self, node: str, status: str) -> None:
        found = self.api.get("nodes", node)
        kept = [each for each in found["status"]["conditions"] if each["type"] != "Ready"]
        stamp = self.stack.world.simulation.timestamp()
        fresh = {"type": "Ready", "status": status, "reason": "NodeStatusUnknown", "lastTransitionTime": stamp}
        body = {"status": {"conditions": [*kept, fresh]}}
        self.api.patch("nodes", node, body, subresource="status")
