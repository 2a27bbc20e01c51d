"""What people need at the command line: every command is run by whom it is for, with the stand-in holding him to the
role that Terraform makes for him."""

from __future__ import annotations

import pytest
import yaml

from tests.chaos.conftest import HERE as CHAOS
from tests.chaos.flows.world import L4, NAME, image, phase, runs
from tests.chaos.harness import Flow
from tests.permissions import roles
from tests.permissions.guarded import Guarded, Seen
from tests.permissions.test_functions import NOTHING

pytestmark = pytest.mark.slow

LONG = 86400.0
# Who asks for what; beside these there are `doctor` (docs/doctor.md), `auth`, which asks who one is, and `watch`, which
# asks what `status` asks.
COMMANDS = {
    "viewer": ["status", "plan", "images", "pools", "rollout status", "reference check"],
    "operator": [
        "rollout start",
        "rollout pause",
        "rollout resume",
        "rollout abort",
        "rollout rollback",
        "stop",
        "resume",
    ],
    "imager": ["reference create", "build", "reference fetch", "reference delete", "tidy"],
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    found, environments = Seen(), tmp_path_factory.mktemp("environments")
    given = yaml.safe_load((CHAOS / "environments" / "rebuilding" / f"{NAME}.yaml").read_text("utf-8"))
    keeping_little = {**given, "retention": {"graceSeconds": 3600, "images": 1}}
    (environments / f"{NAME}.yaml").write_text(yaml.safe_dump(keeping_little), "utf-8")
    ground = Guarded(
        folder=tmp_path_factory.mktemp("people"), world=CHAOS / "worlds" / "rebuilding.yaml",
        environments=environments, seen=found, roles={kind: roles.of_person(kind) for kind in COMMANDS},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as monkeypatch, ground.flow() as flow:
        monkeypatch.chdir(tmp_path_factory.mktemp("at-work"))
        image(flow, run_id=1)
        try:
            play(flow, ground)
        except AssertionError:
            found.add(ground.access)
            if not found.denied:  # else a test tells of that
                raise
    ground.close()
    return found


def play(flow: Flow, ground: Guarded) -> None:
    """All of them, in an order in which each has something to do."""

    def run(kind: str, *words: str) -> None:
        assert any(" ".join(words).startswith(each) for each in COMMANDS[kind])
        ground.person = kind
        flow.run(*words)

    env = ("--env", NAME)
    run("operator", "rollout", "start", *env, "--run-id", "1")
    flow.until(lambda: phase(flow, 1) == "baking", what="the bake")
    run("operator", "rollout", "pause", *env)
    run("operator", "rollout", "resume", *env)
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    run("imager", "reference", "create", *env)
    for words in COMMANDS["viewer"]:
        run("viewer", *words.split(), *env)
    run("imager", "reference", "fetch", *env)
    run("imager", "build", *env)
    flow.until(lambda: phase(flow, 2) == "baking", what="the next bake")
    run("operator", "rollout", "abort", *env)
    run("operator", "rollout", "rollback", *env)
    flow.until(lambda: None in runs(flow, L4), what="a group on GKE's own template")
    run("operator", "stop", "--reason", "an incident")
    run("operator", "resume")
    run("imager", "reference", "delete", *env)
    image(flow, run_id=3)
    image(flow, run_id=4)
    flow.there(lambda: flow.stack.world.simulation.advance(LONG))
    for _ in range(3):
        run("imager", "tidy", *env)
        flow.there(lambda: flow.stack.world.simulation.advance(LONG))


def test_nobody_is_refused_anything(seen: Seen) -> None:
    assert sorted(seen.denied) == []


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_role_has_no_surplus_and_no_lack(kind: str, seen: Seen) -> None:
    below = [roles.of_person(each) for each in list(COMMANDS)[: list(COMMANDS).index(kind)]]
    may, needed = roles.of_person(kind), seen.uses.get(kind, set()).union(*below)
    assert {"lack": sorted(map(str, needed - may)), "surplus": sorted(map(str, may - needed))} == NOTHING
