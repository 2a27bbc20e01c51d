"""Capacity is added: how much, where, and once only."""

from __future__ import annotations

from tests.chaos.flows.world import scale
from tests.services.capacity.conftest import Begin, asked, look, members


def test_pods_that_wait_for_gpus_get_nodes_once(begin: Begin) -> None:
    flow = begin()
    flow.there(lambda: scale(flow, "chat", replicas=5))
    look(flow, times=8)
    assert (len(members(flow, "l4")), len(members(flow, "spare"))) == (5, 0)
    assert len(asked(flow, "CreateInstances")) == 1
