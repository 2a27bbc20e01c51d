"""GKE changes node pools."""

from __future__ import annotations

from poolwright.references import PoolRef
from tests.chaos.flows.story import Story
from tests.chaos.flows.world import (
    CLUSTER,
    GKE,
    L4,
    MANAGER,
    build,
    images_of_ours,
    made_by_us,
    phase,
    release,
    runs,
    stored,
    templates,
    upgrade,
)
from tests.chaos.harness import Flow


def a_pool_is_created(flow: Flow) -> None:
    """GKE finishes a new pool: its groups are on the released image."""
    release(flow, run_id=1)
    flow.begin()
    model = flow.ask(GKE, f"{MANAGER}.GetNodePool", name=str(L4))
    fresh = {"name": "fresh", "initialNodeCount": 0, "locations": model["locations"][:2], "version": model["version"]}
    fresh["config"] = {"machineType": model["config"]["machineType"], "imageType": model["config"]["imageType"]}
    fresh["config"]["accelerators"] = model["config"]["accelerators"]
    flow.ask(GKE, f"{MANAGER}.CreateNodePool", parent=str(CLUSTER), nodePool=fresh)
    flow.until(lambda: runs(flow, PoolRef(CLUSTER, "fresh")) == {1}, what="the new pool on the image")


def a_pool_is_changed(flow: Flow) -> None:
    """GKE issues new templates on the same base image: that is drift, and ours are made anew."""
    release(flow, run_id=1)
    flow.begin()
    before = templates(flow, L4)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.until(lambda: runs(flow, L4) == {1} and not before & templates(flow, L4), what="our templates on the new ones")


def a_pool_is_upgraded(flow: Flow) -> None:
    """GKE moves a pool to another base image: ours does not fit any more and is refused, once a group."""
    release(flow, run_id=1)
    flow.begin()
    upgrade(flow)
    flow.until(lambda: [each["kind"] for each in stored(flow, "refusals")] == ["skew"] * 3, what="three refusals")


def what_nobody_needs_is_collected(flow: Flow) -> None:
    """A third image goes out: the templates of the first two have no group, and the first image has had its day. What
    nobody needs is looked for once an hour, and most ticks of the hour would say the same."""
    release(flow, run_id=1)
    release(flow, run_id=2)
    flow.begin()
    build(flow, run_id=3)
    flow.until(lambda: phase(flow, 3) == "done", what="the end of the rollout")
    flow.pass_without_ticks(minutes=45)
    flow.until(lambda: made_by_us(flow) == templates(flow, L4), what="the end of older templates", minutes=300)
    flow.pass_without_ticks(minutes=45)
    kept = {"poolwright-chaos-2", "poolwright-chaos-3"}
    flow.until(lambda: images_of_ours(flow) == kept, what="the end of the oldest image", minutes=300)
    flow.until(lambda: not stored(flow, "intents"), what="the record of the last deletion", minutes=300)


STORIES = (
    Story("a pool is created", "rollouts", a_pool_is_created),
    Story("a pool is changed", "rollouts", a_pool_is_changed),
    Story("what nobody needs is collected", "collecting", what_nobody_needs_is_collected),
    Story("a pool is upgraded", "rollouts", a_pool_is_upgraded),
)
