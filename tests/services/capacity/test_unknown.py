"""What cannot be read is unknown: nothing shrinks, and pods that wait are served all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from localcloud.faults import Fault
from tests.chaos.flows.world import CLUSTER, scale, table
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import Begin, Json, asked, look, members, status

SHRINKING = {"minGPUUtilizationPercent": 60, "cooldowns": {"scaleDownSeconds": 0}}


@contextmanager
def failing(flow: Flow, method: str) -> Iterator[None]:
    """A method that is not allowed to us meanwhile."""
    faults = flow.stack.world.faults
    flow.there(lambda: faults.add(Fault(method=method, status="PERMISSION_DENIED", reason="forbidden")))
    try:
        yield
    finally:
        flow.there(faults.clear)


def observed(flow: Flow) -> Json:
    """The status' condition Observed."""
    return next(each for each in status(flow)["conditions"] if each["type"] == "Observed")


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("MetricService.ListTimeSeries", "metric kubernetes.io/node/accelerator/duty_cycle cannot be read"),
        ("reservations.AggregatedList", "reservations of chaos-gpu cannot be read"),
    ],
    ids=["Monitoring", "reservations"],
)
def test_what_cannot_be_read_takes_nothing_away_and_keeps_nobody_waiting(begin: Begin, method: str, what: str) -> None:
    flow = begin(SHRINKING)
    with failing(flow, method):
        flow.pass_time(600)
        assert len(members(flow, "l4")) == 2
        assert (observed(flow)["status"], observed(flow)["reason"]) == ("False", "Unknown")
        assert what in observed(flow)["message"]
        flow.there(lambda: scale(flow, "chat", replicas=3))
        flow.until(lambda: len(members(flow, "l4")) == 3, what="a third node")
        flow.there(lambda: scale(flow, "chat", replicas=1))
        flow.pass_time(600)
        assert len(members(flow, "l4")) == 3
    flow.until(lambda: len(members(flow, "l4")) == 1, what="what nobody uses gone")
    assert observed(flow)["status"] == "True"


def test_a_node_that_fails_is_awaited_for_a_while_and_then_replaced(begin: Begin) -> None:
    flow = begin()
    flow.there(lambda: scale(flow, "chat", replicas=2))
    look(flow)
    broken = members(flow, "l4")[0]
    flow.there(lambda: fail(flow, broken))
    flow.pass_time(600)
    assert (len(members(flow, "l4")), status(flow)["observed"]["onTheWay"]) == (2, 1)
    flow.until(lambda: len(members(flow, "l4")) == 3, what="a node in its place")


def fail(flow: Flow, node: str) -> None:
    """Its kubelet is not well, and its pods are gone."""
    world = flow.stack.world
    world.table("gke.failingNodes")[node] = "NotReady"
    world.tell("table.changed", "gke.failingNodes")
    api = flow.kubernetes(CLUSTER)
    for pod in api.list("pods", labels="app=chat"):
        if pod["spec"].get("nodeName") == node:
            api.delete("pods", pod["metadata"]["name"], "default", grace=0)


def test_a_step_reads_each_thing_once(begin: Begin) -> None:
    """Two groups; what is read of Google for one look."""
    flow = begin()
    look(flow)
    flow.stack.world.calls.clear()
    flow.publish("ticks", {})
    flow.settle()
    of_google = [call.method for call in flow.stack.world.calls if not call.host.startswith(("pubsub", "firestore"))]
    counted = Counter(each.rpartition("/")[2].rpartition(".")[2] for each in of_google)
    reads = {name: counted[name] for name in ("Get", "ListManagedInstances", "ListTimeSeries", "ListErrors")}
    assert reads == {"Get": 2, "ListManagedInstances": 2, "ListTimeSeries": 1, "ListErrors": 0}
    assert sum("reservations" in each for each in of_google) == 1


def test_a_vm_that_never_becomes_a_node_is_awaited_no_longer_than_others(begin: Begin) -> None:
    flow = begin()
    table(flow, "gke.timings")["register"] = 1e6
    flow.there(lambda: scale(flow, "chat", replicas=3))
    flow.pass_time(600)
    assert (len(members(flow, "l4")), status(flow)["observed"]["onTheWay"]) == (3, 1)
    table(flow, "gke.timings").pop("register")
    flow.until(lambda: len(members(flow, "l4")) == 4, what="another node")
    assert len(asked(flow, "CreateInstances")) == 2
