"""Load comes and goes."""

from __future__ import annotations

from tests.chaos.flows.story import Story
from tests.chaos.flows.world import budget, cordoned, deploy_web, keep_busy, scale, size
from tests.chaos.harness import Flow


def load_comes(flow: Flow) -> None:
    """The GPUs are too busy: an incident opens, and the provisioner's group grows."""
    flow.there(lambda: scale(flow, "chat", replicas=2))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=95))
    flow.until(lambda: size(flow) == 3, what="a third node")


def load_goes(flow: Flow) -> None:
    """A GPU idles: an incident opens; its node is cordoned, emptied as its pods' budget allows, and deleted."""
    flow.there(lambda: deploy_web(flow))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=10))
    flow.until(lambda: cordoned(flow) == 1, what="a cordoned node")
    flow.pass_time(30)
    flow.there(lambda: budget(flow, "web", at_least=1))
    flow.until(lambda: size(flow) == 1, what="one node less")


STORIES = (
    Story("load comes", "capacity", load_comes),
    Story("load goes", "capacity", load_goes),
)
