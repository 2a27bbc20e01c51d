"""Rollouts commanded from a terminal, on poolwright as it deploys: what is asked for happens, and is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.deployed import Deployed, deployed, eventually
from tests.end_to_end.operator import BASE, Operator, image, world

pytestmark = pytest.mark.slow

Json = dict[str, Any]

WAVE_SECONDS = 8.0  # a wave lasts, so that a rollout that was resumed is under way when it is aborted


@pytest.fixture(scope="module")
def running(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    with deployed(
        archive, folder, state=world(folder, image("demo", 1), image("demo", 2)), bake_seconds=WAVE_SECONDS
    ) as here:
        yield here


@pytest.fixture(scope="module")
def operator(running: Deployed) -> Operator:
    told = yaml.safe_load((running.stage.folder / "environments" / "demo.yaml").read_text("utf-8"))
    environments = running.stage.folder / "operator"
    build = {"source": "gs://acme/packer.tar.gz", "zone": "us-central1-a"}
    environments.mkdir()
    told |= {"sourceImage": {"image": BASE}, "build": build}
    (environments / "demo.yaml").write_text(yaml.safe_dump(told), "utf-8")
    return Operator(
        running.stage.manifest["env"] | {"POOLWRIGHT_ENVIRONMENTS": str(environments), "PATH": "/usr/bin:/bin"}
    )


def groups(operator: Operator, *, pool: str = "") -> dict[str, int | None]:
    """The run that each group of the environment is on."""
    pools = operator.json("pools", "--env", "demo")["pools"]
    return {
        group["group"]: group["runId"]
        for each in pools
        for group in each["groups"]
        if each["pool"] == pool or (not pool and not each["leftAlone"])
    }


def lines(text: str) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_rollout_that_is_started_by_make_is_watched_to_its_end(running: Deployed, operator: Operator) -> None:
    started = operator.make("mutate-instance-groups", ENV="demo", RUN_ID="1")
    assert started.status == 0, started.err
    assert "Asked to start run 1 in demo (message " in started.out
    assert "demo-1 is " in started.out
    watched = operator.poolwright("rollout", "watch", "--env", "demo", "--output", "json")
    assert watched.status == 0, watched.err
    seen = lines(watched.out)
    assert [each["finished"] for each in seen] == [False] * (len(seen) - 1) + [True]
    assert seen[-1]["phase"] == "done"
    assert seen[-1]["requester"] == f"poolwright@{running.project}.iam.gserviceaccount.com"
    assert set(groups(operator).values()) == {1}
    shown = operator.poolwright("rollout", "status", "--env", "demo")
    assert "✔ canary" in shown.out
    assert "3 groups on run 1" in shown.out
    assert "demo  run 1" in operator.poolwright("status").out


def test_what_is_right_already_is_planned_as_that(operator: Operator) -> None:
    found = {
        each["group"]: each["verdict"] for each in operator.json("plan", "--env", "demo", "--run-id", "1")["groups"]
    }
    assert sorted(found.values()) == ["refused", "right", "right", "right"]


def test_a_rollout_is_paused_resumed_and_aborted_and_watching_it_fails(running: Deployed, operator: Operator) -> None:
    asked = operator.json("rollout", "start", "--env", "demo", "--run-id", "2", "--reason", "try", "--wait")
    assert asked["answer"]["state"] == "obeyed"
    assert asked["answer"]["rollout"] == "demo-2"
    paused = operator.poolwright("rollout", "pause", "--env", "demo", "--wait")
    assert paused.status == 0, paused.err
    assert "demo-2 is " in paused.out
    assert "paused by poolwright@" in paused.out
    assert operator.json("rollout", "status", "--env", "demo")["paused"]
    assert "paused" in operator.poolwright("status").out
    resumed = operator.json("rollout", "resume", "--env", "demo", "--wait")
    assert resumed["answer"]["state"] == "obeyed"
    aborted = operator.json("rollout", "abort", "--env", "demo", "--reason", "wrong image", "--wait")
    assert aborted["answer"]["sentence"].startswith("demo-2 is aborted")
    watched = operator.poolwright("rollout", "watch", "--env", "demo")
    assert watched.status == 1
    assert watched.out.startswith("demo-2  aborted")
    reasons = {each["why"] for each in running.documents()["records"].values()}
    assert "wrong image" in reasons


def test_chosen_groups_are_rolled_back_by_make_and_nothing_else(running: Deployed, operator: Operator) -> None:
    (chosen,) = groups(operator, pool="h100")
    before = groups(operator)
    said = operator.make("rollback-instance-groups", ENV="demo", INSTANCE_GROUPS=chosen)
    assert said.status == 0, said.err
    assert "Asked to roll back 1 group of demo" in said.out
    eventually("the roll-back", lambda: groups(operator)[chosen] is None)
    assert operator.poolwright("rollout", "watch", "--env", "demo").status == 0
    assert groups(operator) == before | {chosen: None}


def test_chosen_groups_are_mutated_and_nothing_else(running: Deployed, operator: Operator) -> None:
    (chosen,) = groups(operator, pool="h100")
    before = groups(operator)
    said = operator.make("mutate-instance-groups", ENV="demo", RUN_ID="2", INSTANCE_GROUPS=chosen)
    assert said.status == 0, said.err
    eventually("the mutation", lambda: groups(operator)[chosen] == 2)
    assert groups(operator) == before | {chosen: 2}
    assert operator.poolwright("rollout", "watch", "--env", "demo").status == 0


def test_commands_of_a_stopped_system_wait_for_nobody(running: Deployed, operator: Operator) -> None:
    operator.json("stop", "--reason", "lunch")
    said = operator.make("mutate-instance-groups", ENV="demo", RUN_ID="1")
    assert said.status != 0
    assert "poolwright is stopped since" in said.err
    assert "lunch" in said.err
    operator.json("resume")


def test_a_build_is_asked_for_by_make_and_waited_for(running: Deployed, operator: Operator) -> None:
    refused = operator.make("build-boot-disk", ENV="demo", RUN_ID="7")
    assert refused.status != 0
    assert "7 is not the next: the next run of demo is 3. Use 3, or leave it out." in refused.err
    asked = operator.make("build-boot-disk", ENV="demo", RUN_ID="3")
    assert asked.status == 0, asked.err
    assert f"run 3 is being built on {BASE}: build " in asked.out
    waited = operator.json("build", "--env", "demo", "--wait")  # the same one, or the next where that is built by now
    assert (waited["runId"], waited["state"]) in ((3, "built"), (4, "built"))
    assert operator.json("images", "--env", "demo")["images"][0]["runId"] == 3


def test_nothing_was_refused_on_the_way(running: Deployed) -> None:
    assert [letter.attributes for letter in running.dead_letters()] == []
    for function in running.stage.deployment.functions:
        assert "Traceback" not in running.log_text(function)
