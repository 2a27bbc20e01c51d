"""What happens next to a node that is being emptied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolwright.capacity.draining import MOST_EVICTIONS, Delete, Evict, Spare, Wait, named, next_step, objection
from poolwright.capacity.provisioner import DrainRules
from poolwright.nodes import SAFE_TO_EVICT, Pod

WEB = Pod(namespace="default", name="web", node="n", phase="Running", gpus=0, owner="ReplicaSet")
AGENT = replace(WEB, name="agent", owner="DaemonSet", gpus=1, local_storage=True, annotations={SAFE_TO_EVICT: "false"})
MIRROR = replace(WEB, name="proxy", owner="Node")
TRAINER = replace(WEB, name="trainer", gpus=2)
CAREFUL = DrainRules(timeout_seconds=600)
FREE = DrainRules(timeout_seconds=600, bare_pods="evict", local_storage="evict")


def step(*pods: Pod, waited: float = 10, chosen: tuple[str, ...] = (), rules: DrainRules = CAREFUL) -> object:
    return next_step(pods, chosen=chosen, rules=rules, began=0, now=waited)


def test_pods_of_daemon_sets_and_mirror_pods_go_with_the_node() -> None:
    assert step(AGENT, MIRROR) == Delete()


def test_pods_are_asked_to_leave_and_the_node_waits_for_those_that_are_leaving() -> None:
    leaving = replace(WEB, name="leaving", deleting=True)
    assert step(WEB, AGENT, leaving) == Evict((WEB,))
    assert isinstance(step(leaving), Wait)


def test_a_step_asks_a_bounded_number_of_pods() -> None:
    answer = step(*(replace(WEB, name=f"web-{number:04}") for number in range(MOST_EVICTIONS + 1)))
    assert isinstance(answer, Evict)
    assert len(answer.pods) == MOST_EVICTIONS


def test_a_pod_with_gpus_is_moved_if_it_was_there_when_the_node_was_chosen_and_else_spares_it() -> None:
    chosen = named([TRAINER, WEB, AGENT])
    assert chosen == ("default/trainer",)
    assert step(TRAINER, chosen=chosen) == Evict((TRAINER,))
    late = step(replace(TRAINER, name="late"), TRAINER, chosen=chosen)
    assert isinstance(late, Spare)
    assert "default/late came to work on its GPUs" in late.reason


@pytest.mark.parametrize(
    ("pod", "reason", "allowed"),
    [
        (replace(WEB, annotations={SAFE_TO_EVICT: "false"}), "forbids its eviction", False),
        (replace(WEB, owner=""), "no controller", True),
        (replace(WEB, local_storage=True), "keeps data", True),
    ],
)
def test_a_pod_that_must_not_go_spares_the_node_unless_the_provisioner_allows_it(
    pod: Pod, reason: str, allowed: bool
) -> None:
    answer = step(pod, WEB)
    assert isinstance(answer, Spare)
    assert reason in answer.reason
    assert objection([WEB, pod], CAREFUL) == answer.reason
    assert isinstance(step(pod, rules=FREE), Evict if allowed else Spare)
    assert bool(objection([pod], FREE)) is not allowed


def test_a_pod_that_says_it_is_safe_keeps_its_node_for_no_other_reason() -> None:
    pod = replace(WEB, owner="", local_storage=True, annotations={SAFE_TO_EVICT: "true"})
    assert step(pod) == Evict((pod,))


def test_a_pod_that_is_leaving_anyway_objects_no_more() -> None:
    assert isinstance(step(replace(WEB, owner="", deleting=True)), Wait)


@pytest.mark.parametrize("pod", [WEB, replace(WEB, deleting=True)])
def test_a_drain_that_takes_too_long_is_given_up(pod: Pod) -> None:
    assert not isinstance(step(pod, waited=600), Spare)
    answer = step(pod, waited=601)
    assert isinstance(answer, Spare)
    assert "first default/web" in answer.reason


def test_an_empty_node_is_deleted_however_late_it_is() -> None:
    assert step(AGENT, waited=10_000) == Delete()
