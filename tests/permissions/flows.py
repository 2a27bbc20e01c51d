"""Flows in which functions do what the stories of chaos never make them do: what came late or never, what was decided
and not submitted, what cannot be read. A story here is played as those are (`tests/chaos/flows`)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from unittest import mock

from localcloud.deployment import FUNCTIONS
from poolwright.builds.run import image_name
from poolwright.references import last_part
from poolwright.services import released, request_build
from poolwright.services.ports import Build, Weather
from tests.chaos.flows.builds import an_upgrade_is_followed
from tests.chaos.flows.story import Story
from tests.chaos.flows.world import (
    GKE,
    L4,
    MANAGER,
    NAME,
    PROJECT,
    base_image,
    build,
    command,
    groups,
    image,
    phase,
    release,
    runs,
    scale,
    stored,
    table,
)
from tests.chaos.harness import Delivery, Flow
from tests.permissions.guarded import Guarded

BUILD_SECONDS = 600.0


def an_image_is_told_of_late(flow: Flow) -> None:
    """An image is out before the word of its build comes."""
    flow.begin()
    late = built_unheard(flow)
    go_out_unheard(flow)
    flow.queue.extend(late)
    flow.settle()
    assert stored(flow, "builds")


def an_image_is_never_told_of(flow: Flow) -> None:
    """The word of a build is lost, and a tick finds it."""
    flow.begin()
    built_unheard(flow)
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def an_image_is_never_told_of_and_out(flow: Flow) -> None:
    """An image is out before a tick finds its build."""
    flow.begin()
    built_unheard(flow)
    go_out_unheard(flow)
    flow.publish("ticks", {})
    flow.settle()
    assert stored(flow, "builds")


def an_image_goes_out_again(flow: Flow) -> None:
    """A person starts once more what is out already."""
    image(flow, run_id=1)
    flow.begin()
    roll_out(flow)
    astray(flow)
    command(flow, "start")


def members_are_left_behind(flow: Flow) -> None:
    """Nodes are to be on their group's template, and after a change of GKE's they are not."""
    image(flow, run_id=1)
    flow.begin()
    roll_out(flow)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.until(lambda: any("-members-" in each["id"] for each in stored(flow, "rollouts")), what="their rollout")


def a_build_is_never_submitted(flow: Flow) -> None:
    """Whoever decided it could not reach Cloud Build. A tick submits it; there it is twice, and one of them goes."""
    (environment,) = flow.ports.environments
    with cloud_build(flow, Away), suppress(Weather):
        request_build.request(
            flow.ports, environment=environment, source_image=base_image(flow), cause="a person", requester="ada"
        )
    flow.begin()
    with cloud_build(flow, Twice):
        flow.publish("ticks", {})
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def an_upgrade_is_built_for_twice(flow: Flow) -> None:
    """What a step submits is there twice, and one of them goes."""
    with cloud_build(flow, Twice):
        an_upgrade_is_followed(flow)


def templates_are_regional(flow: Flow) -> None:
    """GKE's templates are regional ones, and so are ours; the oldest go when nobody needs them."""
    regional(flow)
    release(flow, run_id=1)
    release(flow, run_id=2)
    flow.begin()
    build(flow, run_id=3)
    flow.until(lambda: phase(flow, 3) == "done", what="the end of the rollout")
    used = {each["instanceTemplate"].partition("/compute/v1/")[2] for each in groups(flow, L4)}
    flow.until(
        lambda: {each for each in table(flow, "compute.instanceTemplates") if "-pw-" in each} == used,
        what="the end of older templates", minutes=300,
    )  # fmt: skip


def a_machine_does_not_come_up(flow: Flow) -> None:
    """A VM runs and is no node, and a reservation that the pool names is another project's."""
    (pool,) = table(flow, "gke.nodePools").values()
    shared = f"projects/{PROJECT}-shared/reservations/kept"
    pool["config"]["reservationAffinity"] = {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": [shared],
    }
    stock = last_part(base_image(flow))
    flow.there(lambda: flow.stack.world.table("gke.brokenImages").update({stock: "boot"}))
    flow.begin()
    flow.there(lambda: scale(flow, "chat", replicas=3))
    flow.pass_time(1800)


def nothing_of_it_can_be_read(flow: Flow) -> None:
    """Every function gets a message that never can be one, and parks it."""
    flow.begin()
    for function in FUNCTIONS:
        assert flow.ground.call(function, {"message": {"data": "?"}}) == 204


def people_look(flow: Flow) -> None:
    """At every page, in the middle of a rollout."""
    build(flow, run_id=1)
    flow.until(lambda: phase(flow, 1) == "baking", what="the canary's bake")
    flow.begin()
    assert isinstance(flow.ground, Guarded)
    for page in ("fleet", "drift", "rollouts", f"rollouts/{NAME}-1", "provisioners", "audit"):
        for path in (f"/{page}", f"/{page}.json"):
            assert flow.ground.look(path) == 200, path


def roll_out(flow: Flow) -> None:
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def built_unheard(flow: Flow) -> list[Delivery]:
    """A build ended well; what Cloud Build says of it is kept from everybody."""
    build(flow, run_id=1)
    flow.there(lambda: flow.stack.world.simulation.advance(BUILD_SECONDS))
    assert flow.stack.pubsub is not None
    flow.ground.loop.run(flow.stack.pubsub.settle())
    kept = [each for each in flow.queue if each.subscription == "image-built"]
    flow.queue.clear()
    assert kept
    return kept


def go_out_unheard(flow: Flow) -> None:
    """The image of run 1 is released, and no rollout is on record: that record was lost. One group is astray."""
    released.release(flow.ports, NAME, run_id=1, image=image_name(NAME, 1), groups=[])
    with cloud_build(flow, Forgetful):
        flow.publish("ticks", {})
        flow.until(lambda: runs(flow, L4) == {1}, what="all groups on the image")
    astray(flow)


def astray(flow: Flow) -> None:
    """Somebody points a group at a copy of our template under another name."""
    templates = table(flow, "compute.instanceTemplates")
    manager = next(iter(table(flow, "compute.instanceGroupManagers").values()))
    link = manager["instanceTemplate"]
    name = f"elsewhere{link[link.index('-pw-') :]}"
    body = templates[link.partition("/compute/v1/")[2]]
    other = f"{link.rpartition('/')[0]}/{name}"
    templates[other.partition("/compute/v1/")[2]] = {**body, "name": name, "selfLink": other}
    manager["instanceTemplate"] = other
    manager["versions"] = [{**each, "instanceTemplate": other} for each in manager["versions"]]


def regional(flow: Flow) -> None:
    """Every template of GKE's becomes a regional one."""
    templates, place = table(flow, "compute.instanceTemplates"), f"projects/{PROJECT}/regions/us-central1"
    for path, body in list(templates.items()):
        link = f"{body['selfLink'].partition('/projects/')[0]}/{place}/instanceTemplates/{body['name']}"
        del templates[path]
        region = link.rpartition("/instanceTemplates/")[0]
        templates[f"{place}/instanceTemplates/{body['name']}"] = {**body, "selfLink": link, "region": region}
        for manager in table(flow, "compute.instanceGroupManagers").values():
            if manager["instanceTemplate"] == body["selfLink"]:
                manager["instanceTemplate"] = link
                manager["versions"] = [{**each, "instanceTemplate": link} for each in manager["versions"]]


def cloud_build(flow: Flow, kind: type[Twice | Away | Forgetful]) -> Any:
    """Within, Cloud Build is such a one."""
    return mock.patch.dict(flow.ports.__dict__, cloud_build=kind(flow.ports.cloud_build))


class Twice:
    """A build that is submitted is there twice, as after a lost answer."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create(self, *args: Any) -> Build:
        """Submit it, and once more."""
        self._real.create(*args)
        made: Build = self._real.create(*args)
        return made


class Forgetful(Twice):
    """Builds are not found in lists."""

    def builds(self, *args: Any, **more: Any) -> list[Build]:
        """None."""
        return []


class Away(Twice):
    """No build can be submitted."""

    def create(self, *args: Any) -> Build:
        """Weather."""
        raise Weather("Cloud Build is away")


STORIES = (
    Story("an image is told of late", "rollouts", an_image_is_told_of_late),
    Story("an image is never told of", "rollouts", an_image_is_never_told_of),
    Story("an image is never told of and out", "rollouts", an_image_is_never_told_of_and_out),
    Story("an image goes out again", "rollouts", an_image_goes_out_again),
    Story("members are left behind", "replacing", members_are_left_behind),
    Story("a build is never submitted", "rebuilding", a_build_is_never_submitted),
    Story("an upgrade is built for twice", "rebuilding", an_upgrade_is_built_for_twice),
    Story("templates are regional", "collecting", templates_are_regional),
    Story("a machine does not come up", "stockouts", a_machine_does_not_come_up),
    Story("people look", "capacity", people_look),
    Story("nothing of it can be read", "rollouts", nothing_of_it_can_be_read),
)
