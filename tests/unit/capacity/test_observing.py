"""Which waiting pods count, and which groups' nodes would serve a pod."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolwright.capacity.observing import LATE_SECONDS, Offer, Servers, common_labels, is_coming, resolve, units, waits
from poolwright.nodes import Node, Pod, Requirement, Taint, Toleration
from poolwright.references import GroupRef

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


A, B = GroupRef("p", "us-central1-a", "l4-grp"), GroupRef("p", "us-central1-b", "l4-grp")
ONLY = GroupRef("p", "us-central1-a", "h100-grp")


@pytest.mark.parametrize(
    ("names", "found", "problem"),
    [
        (("h100-grp", "us-central1-b/l4-grp"), [ONLY, B], ""),
        (("us-central1-b/l4-grp", "us-central1-a/l4-grp"), [B, A], ""),
        (("l4-grp",), [], "l4-grp may be us-central1-a/l4-grp or us-central1-b/l4-grp"),
        (("us-east1-b/h100-grp",), [], "no node pool of the cluster has the instance group us-east1-b/h100-grp"),
        (("h100-grp", "us-central1-a/h100-grp"), [], "h100-grp and us-central1-a/h100-grp are the same instance group"),
    ],
)
def test_a_name_means_one_group_or_it_is_said_why_not(
    names: tuple[str, ...], found: list[GroupRef], problem: str
) -> None:
    groups, said = resolve(names, {A, B, ONLY})
    assert list(groups) == list(names[: len(groups)])
    assert list(groups.values()) == found
    assert said.startswith(problem)
    assert bool(said) == bool(problem)


@pytest.mark.parametrize(
    ("accelerator", "boards", "partition", "clients", "gpus"),
    [
        ("nvidia-l4", 2, "", 0, 2),
        ("nvidia-l4", 2, "", 3, 6),
        ("nvidia-tesla-a100", 1, "1g.5gb", 0, 7),
        ("nvidia-tesla-a100", 1, "2g.10gb", 0, 3),
        ("nvidia-tesla-a100", 1, "3g.20gb", 0, 2),
        ("nvidia-tesla-a100", 8, "7g.40gb", 0, 8),
        ("nvidia-h100-80gb", 8, "1g.20gb", 0, 32),
        ("nvidia-h200-141gb", 1, "3g.71gb", 0, 2),
        ("nvidia-h100-80gb", 1, "1g.10gb", 2, 14),
        ("nvidia-new", 1, "2g.10gb", 0, 3),
    ],
)
def test_how_many_gpus_a_node_offers(accelerator: str, boards: int, partition: str, clients: int, gpus: int) -> None:
    assert units(accelerator, boards=boards, partition=partition, clients=clients) == gpus


def test_what_all_nodes_say_of_themselves_the_next_will_say_too() -> None:
    first = Node("n1", True, False, 1, labels={"kubernetes.io/hostname": "n1", "zone": "a", "team": "x"})
    second = Node("n2", True, False, 1, labels={"kubernetes.io/hostname": "n2", "zone": "a", "team": "y"})
    assert common_labels([first, second]) == {"zone": "a"}
    assert common_labels([first]) == {"zone": "a", "team": "x"}
    assert common_labels([]) == {}


@pytest.mark.parametrize(
    ("changes", "coming"),
    [
        ({}, False),
        ({"gpus": 0}, True),
        ({"ready": False}, True),
        ({"gpus": 0, "cordoned": True}, False),
        ({"gpus": 0, "created": 1000 - LATE_SECONDS}, False),
        ({"ready": False, "created": 0.0, "ready_changed": 1000 - LATE_SECONDS}, False),
        ({"ready": False, "created": 0.0, "ready_changed": 1001 - LATE_SECONDS}, True),
    ],
)
def test_a_node_that_is_not_useful_yet_is_on_its_way_for_a_while(changes: dict[str, object], coming: bool) -> None:
    node = Node("n", True, False, 1, created=900.0)
    assert is_coming(replace(node, **changes), now=1000) is coming  # type: ignore[arg-type]
