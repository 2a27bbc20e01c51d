"""Which group grows, and which nodes go first."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from poolwright.capacity.decision import Grow, Hold, Shrink
from poolwright.capacity.observation import Observation
from poolwright.capacity.provisioner import Spec
from tests.unit.capacity.fleets import ANY_TIME, NAMES, decided, fleet, node, with_group

SPEC = Spec(existing_instance_group_names=NAMES, min_gpu_utilization_percent=40, max_nodes=5000, cooldowns=ANY_TIME)
BY_PRICE = msgspec.structs.replace(SPEC, order="price", price_per_node_hour={"a": 3, "b": 1, "c": 2})
WAITING = fleet(node("n1", 2), pending=(2, 2, 2))


def test_the_first_in_the_list_grows() -> None:
    assert _grown(SPEC, WAITING) == ("a", 3)


def test_the_cheapest_grows_where_price_is_the_order() -> None:
    assert _grown(BY_PRICE, WAITING) == ("b", 3)
    assert _grown(BY_PRICE, with_group(WAITING, "b", refusal="dry")) == ("c", 3)


def test_what_is_reserved_and_unused_comes_before_anything_and_no_more_of_it_than_there_is() -> None:
    seen = with_group(WAITING, "c", reserved_free=2)
    assert _grown(SPEC, seen) == ("c", 2)
    assert _grown(BY_PRICE, seen) == ("c", 2)
    decision = decided(SPEC, seen)
    assert decision.reason.endswith("; c has 2 reserved and unused")
    later = with_group(replace(WAITING, pending=(2,)), "c", reserved_free=0)
    assert _grown(SPEC, later) == ("a", 1)


def test_a_group_that_refuses_is_passed_over_and_it_says_why() -> None:
    seen = with_group(with_group(WAITING, "a", refusal="dry until 14:05"), "c", reserved_free=9, refusal="PROACTIVE")
    assert _grown(SPEC, seen) == ("b", 3)
    assert decided(SPEC, seen).reason.endswith("; not a: dry until 14:05")


def test_where_every_group_refuses_each_says_why() -> None:
    seen = WAITING
    for name in NAMES:
        seen = with_group(seen, name, refusal=f"{name} is dry")
    decision = decided(SPEC, seen)
    assert isinstance(decision, Hold)
    assert decision.reason.endswith("but no group can give it: a: a is dry; b: b is dry; c: c is dry")
    assert decision.would_change_if.endswith("or a group can grow again")


def test_a_big_pod_goes_where_a_node_is_big_enough_and_the_most_are_asked_for_first() -> None:
    seen = with_group(replace(WAITING, pending=(8, 8, 1)), "b", gpus_per_node=8)
    assert _grown(SPEC, seen) == ("b", 2)
    assert _grown(SPEC, replace(seen, pending=(8, 1, 2, 2))) == ("a", 3)
    assert isinstance(decided(SPEC, with_group(replace(seen, pending=(8,)), "b", gpus_per_node=8, refusal="dry")), Hold)


def test_a_pod_that_only_some_groups_serve_gets_a_node_of_these() -> None:
    only_c = frozenset({"c"})
    seen = replace(WAITING, pending=(2, 2, 1), choosy=((2, only_c), (2, only_c)))
    assert _grown(SPEC, seen) == ("c", 2)
    free_in_a = fleet(node("n1", group="a"), pending=(2,))
    assert isinstance(decided(SPEC, free_in_a), Hold)
    assert _grown(SPEC, replace(free_in_a, choosy=((2, only_c),))) == ("c", 1)
    assert isinstance(decided(SPEC, replace(fleet(c=1, pending=(2,)), choosy=((2, only_c),))), Hold)
    nobody = with_group(replace(free_in_a, choosy=((2, only_c),)), "c", refusal="dry until 14:05")
    assert decided(SPEC, nobody).reason.endswith("but no group can give it: c: dry until 14:05")


def test_a_thousand_are_asked_for_at_once_and_the_next_step_goes_on() -> None:
    assert _grown(SPEC, fleet(pending=(2,) * 3000)) == ("a", 1000)


def test_idle_nodes_go_together_as_many_of_a_group_as_may_be_in_hand() -> None:
    idle = [node(f"{group}{number}", duty=0, group=group) for group in NAMES for number in range(3)]
    assert _gone(fleet(*idle), at_once=1) == ["c0", "b0", "a0"]
    assert _gone(fleet(*idle), at_once=2) == ["c0", "c1", "b0", "b1", "a0", "a1"]
    assert _gone(fleet(*idle, node("c9", group="c", cordoned=True)), at_once=1) == ["b0", "a0"]
    resting = node("c9", group="c", cordoned=True, suspended=True)
    assert _gone(fleet(*idle, resting), at_once=1) == ["c0", "b0", "a0"]


def test_a_busy_one_goes_alone() -> None:
    calm = [node(f"n{number}", 1, duty=5) for number in range(6)]
    assert _gone(fleet(*calm), at_once=4) == ["n0"]


@pytest.mark.parametrize(
    ("what", "first", "second"),
    [
        ("idle before busy", node("z", duty=0, group="a", movable=9), node("b", 1, duty=0, group="c")),
        ("fewest pods to move", node("z", 1, duty=9, movable=2), node("b", 1, duty=9, movable=3)),
        (
            "who was let go comes last",
            node("z", duty=0, group="a", movable=9),
            node("b", duty=0, group="c", spared_at=5),
        ),
        ("longest ago first", node("z", duty=0, spared_at=4), node("b", duty=0, group="c", spared_at=5)),
        ("the last group first", node("z", duty=0, group="c"), node("b", duty=0, group="b")),
    ],
)
def test_who_goes_first(what: str, first: object, second: object) -> None:
    seen = fleet(first, second, node("other", 1, duty=0, objection="pod x forbids its eviction"))  # type: ignore[arg-type]
    assert _gone(seen)[0] == "z", what


def test_reserved_nodes_are_the_last_to_go_and_dear_ones_the_first() -> None:
    seen = fleet(*(node(name, duty=0, group=name) for name in NAMES))
    assert _gone(with_group(seen, "c", reserved=True)) == ["b", "a", "c"]
    assert _gone(with_group(seen, "c", reserved_free=1)) == ["b", "a", "c"]
    assert _gone(seen, BY_PRICE) == ["a", "c", "b"]


def test_a_busy_node_does_not_go_at_the_cost_of_the_buffer() -> None:
    kept = msgspec.structs.replace(SPEC, min_unutilized_gpu_nodes=1)
    seen = fleet(node("n1", 1, duty=5), node("n2", 1, duty=5), node("idle", duty=0))
    decision = decided(kept, seen)
    assert isinstance(decision, Hold)
    assert "n1: its GPU pods may go to the nodes that are kept idle" in decision.reason


def test_above_the_bound_a_busy_node_goes_whatever_the_buffer() -> None:
    fewer = msgspec.structs.replace(SPEC, min_unutilized_gpu_nodes=1, max_nodes=2)
    assert _gone(fleet(*(node(f"n{number}", 1, duty=5) for number in range(3))), fewer) == ["n0"]


def test_gpu_pods_that_do_not_add_up_keep_their_node() -> None:
    seen = fleet(node("n1", 1, duty=5, gpu_pods=()), node("n2", duty=0, objection="pod x forbids its eviction"))
    decision = decided(SPEC, seen)
    assert isinstance(decision, Hold)
    assert "n1: its GPU pods are not known one by one" in decision.reason


def test_pods_fit_elsewhere_only_if_they_do_however_they_are_put() -> None:
    """2 and 1 fit into 2 and 1 free GPUs, but not if the scheduler puts the one into the two."""
    forbids = "pod x forbids its eviction"
    seen = fleet(
        node("n1", 2, 1, duty=5, gpus=4),
        node("n2", 2, duty=5, gpus=4, objection=forbids),
        node("n3", 3, duty=5, gpus=4, objection=forbids),
        gpus_per_node=4,
    )
    assert isinstance(decided(SPEC, seen), Hold)
    roomy = replace(seen, nodes=(*seen.nodes, node("n4", 2, duty=5, gpus=4, objection=forbids)))
    assert _gone(roomy) == ["n1"]


def test_pods_that_only_some_groups_serve_find_no_room_elsewhere() -> None:
    forbids = "pod x forbids its eviction"
    seen = fleet(
        node("n1", 1, duty=5, serves_them=frozenset({"a"})), node("n2", 1, duty=5, group="b", objection=forbids)
    )
    assert isinstance(decided(SPEC, seen), Hold)
    assert _gone(replace(seen, nodes=(replace(seen.nodes[0], serves_them=frozenset({"a", "b"})), seen.nodes[1]))) == [
        "n1"
    ]


def test_the_first_few_are_named_that_keep_a_node() -> None:
    seen = fleet(*(node(f"n{number}", duty=0, objection="pod x forbids its eviction") for number in range(9)))
    assert decided(SPEC, seen).reason.endswith("n2: pod x forbids its eviction; and 6 more")


def _grown(spec: Spec, seen: Observation) -> tuple[str, int]:
    decision = decided(spec, seen)
    assert isinstance(decision, Grow), decision
    return decision.group, decision.count


def _gone(seen: Observation, spec: Spec = SPEC, *, at_once: int = 1) -> list[str]:
    decision = decided(spec, seen, at_once=at_once)
    assert isinstance(decision, Shrink), decision
    return [each.name for each in decision.nodes]
