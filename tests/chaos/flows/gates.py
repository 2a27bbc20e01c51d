"""What a wave must show beside healthy nodes."""

from __future__ import annotations

from tests.chaos.flows.story import Story
from tests.chaos.flows.world import CLUSTER, command, image, phase, rollout
from tests.chaos.harness import Flow


def a_smoke_job_proves_an_image(flow: Flow) -> None:
    """A Job runs on the canary node and succeeds; it is deleted, and the rollout goes on."""
    image(flow, run_id=1)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=240)
    verdicts = {each["gate"]: each["verdict"] for each in rollout(flow, 1)["waves"][0]["results"]}
    assert (verdicts["smoke Job"], verdicts["cache hit"]) == ("passed", "passed")
    assert not flow.there(lambda: flow.kubernetes(CLUSTER).list("jobs.batch"))


STORIES = (Story("a smoke Job proves an image", "smoking", a_smoke_job_proves_an_image),)
