"""What happens next to a node that is being emptied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolwright.capacity.draining import Delete, Evict, Spare, Wait, next_step
from poolwright.nodes import SAFE_TO_EVICT, Pod

WEB = Pod(namespace="default", name="web", node="n", phase="Running", gpus=0, owner="ReplicaSet")
AGENT = replace(WEB, name="agent", owner="DaemonSet")


def step(*pods: Pod, waited: float = 10) -> object:
    return next_step(pods, began=0, limit=600, now=waited)


def test_daemon_pods_go_with_the_node() -> None:
    assert step(AGENT) == Delete()


def test_pods_are_asked_to_leave_once() -> None:
    assert step(WEB, AGENT) == Evict((WEB,))
    assert isinstance(step(replace(WEB, deleting=True)), Wait)


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (replace(WEB, gpus=1), "GPUs"),
        (replace(WEB, annotations={SAFE_TO_EVICT: "false"}), "forbids"),
        (replace(WEB, owner=""), "no controller"),
    ],
)
def test_a_pod_that_must_not_go_spares_the_node(pod: Pod, reason: str) -> None:
    answer = step(pod)
    assert isinstance(answer, Spare)
    assert reason in answer.reason


def test_a_drain_that_takes_too_long_is_given_up() -> None:
    assert isinstance(step(WEB, waited=601), Spare)
    assert isinstance(step(replace(WEB, deleting=True), waited=601), Spare)
