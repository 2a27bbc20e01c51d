"""The Monitoring adapter on the stand-in, over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.monitoring import Monitoring
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.monitoring import CloudMonitoring
from poolwright.references import ClusterRef
from tests.contract.conftest import Served
from tests.contract.monitoring.conftest import node, pod

METRIC = "kubernetes.io/node/accelerator/duty_cycle"
SERVING = ClusterRef("demo-project", "us-central1", "serving")


class Fleet:
    """Two clusters of a name, one of them elsewhere; `busy` is the duty cycle of the one pod."""

    def __init__(self, served: Served) -> None:
        self.busy = 90
        self._served = served
        served.serve(served.call(Monitoring, served.world, self).api())
        self.adapter = CloudMonitoring(GoogleAccess(served.endpoints))

    def __call__(self) -> Iterator[tuple[Any, Any, Any]]:
        serving = {"name": "serving", "location": "us-central1"}
        yield serving, [node("n1"), node("n2", gpus=4)], [pod("a", on="n2", gpus=2, duty_cycle=self.busy)]
        yield {"name": "serving", "location": "europe-west4"}, [node("n3")], []
        yield {"name": "batch", "location": "us-central1"}, [node("n4")], []

    def pass_time(self, seconds: float) -> None:
        self._served.call(self._served.world.simulation.advance, seconds)

    def duty_cycle(self, *, since: float, until: float = 0, metric: str = METRIC) -> dict[str, float]:
        """Between so many seconds ago."""
        now = self._served.world.simulation.now()
        return self.adapter.duty_cycle(SERVING, metric=metric, since=now - since, until=now - until)


@pytest.fixture
def fleet(served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    made = Fleet(served(manual=True))
    made.pass_time(600)
    return made


def test_a_nodes_duty_cycle_is_the_mean_of_its_gpus(fleet: Fleet) -> None:
    assert fleet.duty_cycle(since=300) == {"n1": 0.0, "n2": pytest.approx(45.0)}


def test_the_newest_point_of_the_interval_counts(fleet: Fleet) -> None:
    fleet.busy = 20
    fleet.pass_time(180)
    assert fleet.duty_cycle(since=600)["n2"] == pytest.approx(10.0)
    assert fleet.duty_cycle(since=700, until=300)["n2"] == pytest.approx(45.0)


def test_a_node_without_a_point_is_left_out(fleet: Fleet) -> None:
    assert fleet.duty_cycle(since=7200, until=3600) == {}
    assert fleet.duty_cycle(since=600, metric="kubernetes.io/container/accelerator/duty_cycle") == {}
