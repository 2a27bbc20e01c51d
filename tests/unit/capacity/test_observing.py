"""Which waiting pods count, and which groups' nodes would serve a pod."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolwright.capacity.observing import Offer, Servers, waits
from poolwright.nodes import Pod, Requirement, Taint, Toleration

POD = Pod(
    namespace="default",
    name="p",
    node="",
    phase="Pending",
    gpus=2,
    owner="Job",
    unschedulable=True,
    gpu_names=frozenset({"nvidia.com/gpu"}),
    node_selector={"pool": "l4"},
)
L4 = Offer(gpus=2, labels={"pool": "l4", "zone": "a"})
SPOT = replace(L4, labels={"pool": "l4", "zone": "b"}, taints=(Taint("spot", "true", "NoSchedule"),))
BIG = Offer(gpus=8, labels={"pool": "h100"})
OFFERS = {"l4": L4, "spot": SPOT, "big": BIG}
BEARS_ALL = (Toleration("", "Exists", "", ""),)


@pytest.mark.parametrize(
    ("pod", "groups"),
    [
        (POD, {"l4"}),
        (replace(POD, tolerations=BEARS_ALL), {"l4", "spot"}),
        (replace(POD, node_selector={}), {"l4", "big"}),
        (replace(POD, node_selector={}, gpus=3), {"big"}),
        (replace(POD, tolerations=BEARS_ALL, node_terms=((Requirement("zone", "In", ("b",)),),)), {"spot"}),
        (replace(POD, gpu_names=frozenset({"nvidia.com/mig-1g.10gb"})), set()),
        (replace(POD, gpus=9), set()),
    ],
)
def test_a_pod_is_served_by_groups_whose_nodes_fit_it(pod: Pod, groups: set[str]) -> None:
    assert Servers(OFFERS).of(pod) == groups


def test_the_same_question_is_told_from_another_one() -> None:
    servers = Servers(OFFERS)
    assert servers.of(POD) == {"l4"}
    assert servers.of(replace(POD, name="other", node_selector={"pool": "h100"})) == {"big"}


def test_pods_that_wait_are_counted_with_who_would_serve_them() -> None:
    pods = [POD, replace(POD, gpus=9), replace(POD, node="n"), replace(POD, gpus=1, node_selector={})]
    assert Servers(OFFERS).pending(pods) == [(1, frozenset({"big", "l4"})), (2, frozenset({"l4"}))]


def test_a_nodes_pods_are_served_where_each_of_them_is() -> None:
    servers = Servers(OFFERS)
    anywhere = replace(POD, node_selector={}, tolerations=BEARS_ALL)
    no_gpu = replace(POD, gpus=0)
    assert servers.of_all([anywhere, no_gpu], "l4") == frozenset()
    assert servers.of_all([anywhere, replace(POD, tolerations=BEARS_ALL)], "l4") == {"l4", "spot"}
    assert servers.of_all([replace(POD, node_selector={"gone": "label"})], "l4") == {"l4"}
    assert Servers({"l4": L4}).of_all([POD], "l4") == frozenset()


@pytest.mark.parametrize("change", [{"node": "n"}, {"gpus": 0}, {"unschedulable": False}, {"deleting": True}])
def test_who_does_not_wait_for_gpus(change: dict[str, object]) -> None:
    assert waits(POD)
    assert not waits(replace(POD, **change))  # type: ignore[arg-type]
