"""Boot images are built and go out."""

from __future__ import annotations

from tests.chaos.flows.story import Story
from tests.chaos.flows.world import NAME, ZONES, build, command, image, phase, reason, rollout
from tests.chaos.harness import Flow


def an_image_is_built(flow: Flow) -> None:
    """A build ends well: its image goes out, canary first, until all groups are on it."""
    flow.begin()
    build(flow, run_id=1)
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def an_image_is_broken(flow: Flow) -> None:
    """Nodes of the new image never turn Ready: the gate fails, and what was changed goes back."""
    flow.there(lambda: flow.stack.world.table("gke.brokenImages").update({f"poolwright-{NAME}-1": "ready"}))
    flow.begin()
    build(flow, run_id=1)
    flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")


def there_is_no_room_for_the_canary(flow: Flow) -> None:
    """The canary's zone has no GPU left: the rollout holds, says so, and goes on when one comes free."""
    stock = {"nvidia-l4": 0}
    flow.there(lambda: flow.stack.world.table("compute.stock").update(dict.fromkeys(ZONES, stock)))
    flow.begin()
    build(flow, run_id=1)
    flow.until(lambda: bool(rollout(flow, 1).get("tries")), what="a canary node that was given up")
    assert phase(flow, 1) == "verifying"
    flow.there(lambda: flow.stack.world.table("compute.stock").clear())
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def a_newer_image_supersedes(flow: Flow) -> None:
    """The next image is ready while the last one's canary bakes: it takes its place, from its own canary on."""
    flow.begin()
    build(flow, run_id=1)
    flow.until(lambda: phase(flow, 1) == "baking", what="the canary's bake")
    build(flow, run_id=2)
    flow.until(lambda: phase(flow, 2) == "done", what="the end of the newer rollout")
    assert phase(flow, 1) == "superseded"


def a_person_rolls_back(flow: Flow) -> None:
    """Start, pause, resume, and when it is done: roll back."""
    image(flow, run_id=1)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "baking", what="the canary's bake")
    command(flow, "pause")
    flow.until(lambda: bool(rollout(flow, 1)["paused"]), what="the pause")
    flow.pass_time(90)
    command(flow, "resume")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    command(flow, "rollback")
    flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")


def a_person_aborts(flow: Flow) -> None:
    """Start, and when the canary bakes: abort."""
    image(flow, run_id=1)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "baking", what="the canary's bake")
    command(flow, "abort")
    flow.until(lambda: phase(flow, 1) == "aborted", what="the abort")


def everything_is_stopped(flow: Flow) -> None:
    """Somebody stops poolwright while the canary bakes; nothing happens until it is resumed."""
    image(flow, run_id=1)
    flow.begin()
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "baking", what="the canary's bake")
    flow.run("stop", "--reason", "an incident")
    flow.pass_time(300)
    assert phase(flow, 1) == "baking"
    flow.run("resume")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def a_freeze_ends(flow: Flow) -> None:
    """An image is ready while nothing new may begin; when that is over it goes out."""
    flow.begin()
    build(flow, run_id=1)
    flow.until(lambda: "a launch" in reason(flow, 1), what="a rollout that waits")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


STORIES = (
    Story("an image is built", "rollouts", an_image_is_built),
    Story("an image is broken", "rollouts", an_image_is_broken),
    Story("there is no room for the canary", "rollouts", there_is_no_room_for_the_canary, tries=True),
    Story("a newer image supersedes", "rollouts", a_newer_image_supersedes),
    Story("a person rolls back", "rollouts", a_person_rolls_back),
    Story("a person aborts", "rollouts", a_person_aborts),
    Story("everything is stopped", "rollouts", everything_is_stopped),
    Story("a freeze ends", "frozen", a_freeze_ends),
)
