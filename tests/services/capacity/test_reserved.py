"""Reservations that nobody uses come before everything else, and go last."""

from __future__ import annotations

from typing import Any

from tests.chaos.flows.world import scale
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import Begin, change, group_of, look, members

C = "us-central1-c"
POOLS = ("spare", "l4", "held")


def begin_with(begin: Begin, *, reserved: int, spec: dict[str, Any] | None = None) -> Flow:
    """The cheap spot group is preferred, a third group has a reservation for so many nodes."""
    flow = begin()
    body = {
        "name": "kept",
        "specificReservation": {"count": str(reserved), "instanceProperties": {"machineType": "g2-standard-12"}},
    }
    if reserved:
        flow.there(lambda: flow.stack.compute.insert_reservation(C, body))
    change(flow, {"existingInstanceGroupNames": [group_of(flow, pool) for pool in POOLS], **(spec or {})})
    return flow


def sizes(flow: Flow) -> tuple[int, ...]:
    return tuple(len(members(flow, pool)) for pool in POOLS)


def test_a_reservation_is_used_up_before_a_cheaper_group_is_asked(begin: Begin) -> None:
    flow = begin_with(begin, reserved=2)
    flow.there(lambda: scale(flow, "chat", replicas=5))
    look(flow, times=12)
    assert sizes(flow) == (1, 2, 2)


def test_without_a_reservation_the_order_of_the_list_holds(begin: Begin) -> None:
    flow = begin_with(begin, reserved=0)
    flow.there(lambda: scale(flow, "chat", replicas=5))
    look(flow, times=12)
    assert sizes(flow) == (3, 2, 0)


def test_a_reservation_comes_before_a_cheaper_price_too(begin: Begin) -> None:
    flow = begin_with(begin, reserved=1)
    prices = {group_of(flow, pool): price for pool, price in zip(POOLS, (0.4, 1.3, 1.3), strict=True)}
    change(flow, {"order": "price", "pricePerNodeHour": prices})
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=12)
    assert sizes(flow) == (1, 2, 1)
