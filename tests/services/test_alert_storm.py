"""A thousand incidents in a minute for one provisioner, taken by several instances of the functions at once: three
times the calls of one incident at most, and one write of the store a message.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import pytest

from poolwright.events.incident import Incident, decode
from poolwright.services import gpu_alert
from tests.chaos.flows.world import scale, stored
from tests.chaos.harness import FUNCTION_OF, Delivery, Flow
from tests.chaos.outside import OutsideCall
from tests.payloads import samples
from tests.services.conftest import Begin

INCIDENTS, SECONDS, INSTANCES = 1000, 60, 4
MOST_CALLS = 3


@dataclass
class Counted:
    """An `Around` that counts: calls of APIs, Pub/Sub's among them, and writes of the store."""

    calls: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: OutsideCall, make: Callable[[], Any]) -> Any:
        with self._lock:
            if call.way != "store":
                self.calls[call.name.split()[0] + " " + call.name.rpartition("/")[2]] += 1
            elif call.effect:
                self.writes[call.name.split("/")[0]] += 1
        return make()


@contextmanager
def counting(flow: Flow) -> Iterator[Counted]:
    """All calls within."""
    counted = Counted()
    with flow.ground.around(counted):
        yield counted


def incident(number: int) -> dict[str, Any]:
    """Each is another one."""
    body: dict[str, Any] = samples.load("monitoring-gpu-high-open")["data"]
    labels = {"poolwright_provisioner": "l4", "poolwright_cluster": "serving", "poolwright_location": "us-central1"}
    body["incident"] |= {"incident_id": f"0.{number:012d}", "policy_user_labels": labels}
    body["incident"]["scoping_project_id"] = "chaos-gpu"
    return body


def alert(flow: Flow, *numbers: int) -> None:
    """These incidents open, and their messages are taken at once by several instances; so are those that follow."""
    for number in numbers:
        flow.publish("gpu-alerts", incident(number))
    while True:
        flow.ground.loop.run(flow.stack.pubsub.settle())  # type: ignore[union-attr]
        due = [each for each in flow.queue if each.subscription in ("gpu-alert", "step") and each.due <= flow.now()]
        if not due:
            return
        for each in due:
            flow.queue.remove(each)
        with ThreadPoolExecutor(INSTANCES) as instances:
            statuses = list(instances.map(lambda each: _push(flow, each), due))
        for delivery, status in zip(due, statuses, strict=True):
            assert status in (204, 503)
            if status == 503:
                again = Delivery(delivery.subscription, delivery.message, delivery.attempt + 1, flow.now() + 5.0)
                flow.queue.append(again)


def _push(flow: Flow, delivery: Delivery) -> int:
    return flow.ground.call(FUNCTION_OF[delivery.subscription], flow._envelope(delivery))


def storm(flow: Flow) -> None:
    """All of them within a minute."""
    for second in range(SECONDS):
        first = INCIDENTS * second // SECONDS
        alert(flow, *range(first + 1, INCIDENTS * (second + 1) // SECONDS + 1))
        flow.there(lambda: flow.stack.world.simulation.advance(1.0))
    alert(flow)


@pytest.fixture
def busy(begin: Begin) -> Flow:
    """Two pods with a GPU each on two nodes: nothing is to be done, whatever an alert claims."""
    flow = begin("capacity")
    flow.there(lambda: scale(flow, "chat", replicas=2))
    flow.pass_time(300)
    flow.begin()
    return flow


def cost_of_one_and_of_all(flow: Flow) -> tuple[Counted, Counted]:
    """The calls of one incident, and those of the storm."""
    with counting(flow) as one:
        alert(flow, 0)
    flow.pass_time(gpu_alert.COVERED_SECONDS)
    with counting(flow) as all_of_them:
        storm(flow)
    return one, all_of_them


def test_a_storm_of_alerts_costs_little_more_than_one(busy: Flow) -> None:
    one, storm = cost_of_one_and_of_all(busy)
    print(f"one incident: {one.calls.total()} calls, {one.writes.total()} writes; {dict(one.calls)}")
    print(f"{INCIDENTS} incidents: {storm.calls.total()} calls, {storm.writes.total()} writes; {dict(storm.calls)}")
    assert one.calls.total() > 5
    assert storm.calls.total() <= MOST_CALLS * one.calls.total()
    # One write a message, and what the looks themselves write.
    assert storm.writes["store put records"] <= INCIDENTS
    assert storm.writes.total() <= INCIDENTS + MOST_CALLS * one.writes.total()


def test_every_incident_of_a_storm_is_on_record(busy: Flow) -> None:
    storm(busy)
    assert sum(each["kind"] == "alert" for each in stored(busy, "records")) == INCIDENTS


@pytest.mark.slow
def test_without_coalescing_a_storm_would_cost_more(busy: Flow) -> None:
    with mock.patch.object(gpu_alert, "COVERED_SECONDS", 0.0):
        one, storm = cost_of_one_and_of_all(busy)
    assert storm.calls.total() > MOST_CALLS * one.calls.total()


def test_an_alert_that_comes_again_asks_again(busy: Flow) -> None:
    """Whoever took it first may have died before it could ask; another one does not ask a second time."""
    first, other = decoded(1, message_id="one"), decoded(2, message_id="other")
    assert "to look at" in gpu_alert.handle(first, busy.ports)
    assert "to look at" in gpu_alert.handle(first, busy.ports)
    assert "to look at" not in gpu_alert.handle(other, busy.ports)


def decoded(number: int, *, message_id: str) -> Incident:
    """An incident as the function takes it."""
    message = samples.message({"attributes": {}, "data": incident(number)})
    return decode(replace(message, id=message_id))
