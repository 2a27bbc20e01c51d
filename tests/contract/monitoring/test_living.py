"""Monitoring in compressed time, and across a restart."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

from localcloud.monitoring import Monitoring
from localcloud.simulation import Simulation
from localcloud.world import World
from tests.contract.conftest import Served
from tests.contract.monitoring.conftest import Fleet, node, pod

THRESHOLD = {
    "filter": 'metric.type="kubernetes.io/node/accelerator/duty_cycle" resource.type="k8s_node"',
    "comparison": "COMPARISON_GT",
    "thresholdValue": 30.0,
    "duration": "120s",
    "aggregations": [{"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_MEAN"}],
}


def test_durations_are_the_world_s(served: Callable[..., Served]) -> None:
    running = served(speed=600)
    fleet = Fleet({"serving": ([node("n1")], [pod("a", on="n1", duty_cycle=90)])})
    running.world.table("monitoring.alertPolicies")["projects/demo-project/alertPolicies/1"] = {
        "name": "projects/demo-project/alertPolicies/1",
        "displayName": "high",
        "conditions": [
            {
                "name": "projects/demo-project/alertPolicies/1/conditions/1",
                "displayName": "high",
                "conditionThreshold": THRESHOLD,
            }
        ],
    }
    incidents = running.world.table("monitoring.incidents")
    running.serve(running.call(Monitoring, running.world, fleet).api())
    limit = time.monotonic() + 10
    while not incidents and time.monotonic() < limit:
        time.sleep(0.02)
    assert [each["observed_value"] for each in incidents.values()] == ["90"]


def test_a_saved_world_goes_on_with_one_sample_a_period(tmp_path: Path) -> None:
    fleet = Fleet({"serving": ([node("n1")], [])})

    def world() -> World:
        made = World(project="demo-project", simulation=Simulation(manual=True))
        Monitoring(made, fleet)
        return made

    first = world()
    first.simulation.advance(100)
    first.save(tmp_path / "world.json")
    again = world()
    again.load(tmp_path / "world.json")
    again.simulation.advance(600)
    series = again.table("monitoring.timeSeries").values()
    ends = [end for _, end, _ in next(iter(series))["points"]]
    assert len(ends) == 11 and {after - before for before, after in itertools.pairwise(ends)} == {60.0}
