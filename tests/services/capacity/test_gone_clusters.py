"""A cluster that is gone, and that its environment still names, costs the others nothing."""

from __future__ import annotations

import pytest

from poolwright.references import ClusterRef
from tests.chaos.flows.world import CLUSTER, PROJECT, scale
from tests.services.capacity.conftest import Begin, asked, look

GONE = ClusterRef(PROJECT, "us-central1", "gone")
CLUSTERS = [{"name": each.name, "location": each.location} for each in (GONE, CLUSTER)]


def test_the_tick_sees_to_the_provisioners_of_the_clusters_after_it(begin: Begin) -> None:
    flow = begin(clusters=CLUSTERS)
    flow.there(lambda: scale(flow, "chat", replicas=5))
    look(flow, times=6)
    assert asked(flow, "CreateInstances")


@pytest.mark.parametrize(
    "about", [{"kind": "provisioner", "name": "l4"}, {"kind": "cluster"}], ids=lambda it: it["kind"]
)
def test_work_about_it_is_let_go_at_once(begin: Begin, about: dict[str, str]) -> None:
    flow = begin(clusters=CLUSTERS)
    place = {"project": GONE.project, "location": GONE.location, "cluster": GONE.name}
    flow.publish("work", {**about, **place, "cause": "an alert"})
    flow.settle()
    ((_, code),) = [each for each in flow.answers if each[0].startswith("step")]
    assert code < 300
