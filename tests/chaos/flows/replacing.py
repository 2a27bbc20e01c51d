"""Running nodes are replaced: cordoned, emptied as the budgets of their pods allow, and made anew."""

from __future__ import annotations

from tests.chaos.flows.story import Story
from tests.chaos.flows.world import (
    L4,
    budget,
    command,
    cordoned,
    forbid_evictions,
    groups,
    image,
    images_of_nodes,
    phase,
    stored,
)
from tests.chaos.harness import Flow


def nodes_are_replaced(flow: Flow) -> None:
    """A budget forbids to evict any pod; when it allows one at a time, node after node is replaced."""
    image(flow, run_id=1)
    flow.there(lambda: forbid_evictions(flow, "chat"))
    flow.pass_time(60)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: cordoned(flow) >= 1, what="a cordoned node")
    flow.pass_time(30)
    flow.there(lambda: budget(flow, "chat", at_least=3))
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=120)
    assert images_of_nodes(flow) == {"poolwright-chaos-1"}


def a_person_aborts_a_replacement(flow: Flow) -> None:
    """While a node is being emptied somebody aborts: it is opened again, and nothing is left cordoned."""
    image(flow, run_id=1)
    flow.there(lambda: forbid_evictions(flow, "chat"))
    flow.pass_time(60)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: any("asks pod" in each["what"] for each in stored(flow, "records")), what="a pod asked to leave")
    command(flow, "abort")
    flow.until(lambda: phase(flow, 1) == "aborted" and cordoned(flow) == 0, what="the abort")


def nodes_are_replaced_with_a_surge(flow: Flow) -> None:
    """An extra node serves before each old one is closed and deleted; in the end there are as many as before."""
    image(flow, run_id=1)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=600)
    assert images_of_nodes(flow) == {"poolwright-chaos-1"}
    assert [int(group["targetSize"]) for group in groups(flow, L4)] == [2]


STORIES = (
    Story("nodes are replaced", "replacing", nodes_are_replaced),
    Story("nodes are replaced with a surge", "surging", nodes_are_replaced_with_a_surge),
    Story("a person aborts a replacement", "replacing", a_person_aborts_a_replacement),
)
