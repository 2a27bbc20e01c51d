"""Builds that nobody started by hand, and those that somebody did."""

from __future__ import annotations

from tests.chaos.flows.story import Story
from tests.chaos.flows.world import L4, phase, release, runs, upgrade
from tests.chaos.harness import Flow


def an_upgrade_is_followed(flow: Flow) -> None:
    """GKE moves the pool to another base image: a new boot image is built on it and goes out, helped by nobody."""
    release(flow, run_id=1)
    flow.begin()
    upgrade(flow)
    flow.until(lambda: phase(flow, 2) == "done", what="the end of the rollout of the next image")
    assert runs(flow, L4) == {2}


def a_person_builds(flow: Flow) -> None:
    """Somebody asks for a build on what the reference pool shows; its image goes out."""
    flow.run("reference", "create", "--env", "chaos")
    flow.begin()
    flow.run("build", "--env", "chaos")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def a_reference_pool_comes_and_goes(flow: Flow) -> None:
    """Somebody makes the reference pool, looks what GKE would use now, and deletes it."""
    flow.begin()
    flow.run("reference", "create", "--env", "chaos")
    flow.run("reference", "check", "--env", "chaos")
    flow.run("reference", "delete", "--env", "chaos")


STORIES = (
    Story("an upgrade is followed", "rebuilding", an_upgrade_is_followed),
    Story("a person builds", "rebuilding", a_person_builds),
    Story("a reference pool comes and goes", "rebuilding", a_reference_pool_comes_and_goes),
)
