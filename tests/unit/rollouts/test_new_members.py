"""A group's members are listed where there may be new ones, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from poolwright.nodes import Node
from poolwright.rollouts.new_members import CLOCKS_SECONDS, may_have

BASE = "gke-serving-l4-1a2b3c4d"
BEGAN = 1_763_700_000.0
OLD, NEW = BEGAN - 3600, BEGAN + 5


def node(name: str, created: float) -> Node:
    return Node(name=name, ready=True, cordoned=False, gpus=1, created=created)


def group(size: int, **actions: int) -> dict[str, Any]:
    return {"baseInstanceName": BASE, "targetSize": size, "currentActions": {"none": size, "creating": 0} | actions}


@pytest.mark.parametrize(
    ("seen", "nodes", "new"),
    [
        (group(0), [], False),
        (group(2), [node(f"{BASE}-aaaa", OLD), node(f"{BASE}-bbbb", OLD)], False),
        (group(2), [node(f"{BASE}-aaaa", OLD), node(f"{BASE}-bbbb", NEW)], True),
        (group(2), [node(f"{BASE}-aaaa", OLD), node(f"{BASE}-bbbb", BEGAN - CLOCKS_SECONDS / 2)], True),
        (group(1, creating=1), [node(f"{BASE}-aaaa", OLD)], True),
        (group(1, recreating=1, none=0), [node(f"{BASE}-aaaa", OLD)], True),
        (group(1, creatingWithoutRetries=1), [node(f"{BASE}-aaaa", OLD)], True),
        (group(2), [node(f"{BASE}-aaaa", OLD)], True),  # a VM that never became a node
        (group(0), [node("gke-serving-l4-1a2b3c4d-0-aaaa", NEW), node("gke-other-aaaa", NEW)], False),
        ({"targetSize": 0}, [], True),  # what is not known is looked at
    ],
)
def test_new_members_are_looked_for_where_they_may_be(seen: dict[str, Any], nodes: list[Node], new: bool) -> None:
    assert may_have(seen, nodes, since=BEGAN) == new
