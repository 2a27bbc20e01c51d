"""This release finishes what the previous one began: its documents, from tests/fixtures, in a world that fits them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from poolwright import environments
from poolwright.boot_images.image import BootImage
from poolwright.references import GroupRef, last_part
from poolwright.rollouts.rollout import SCHEMA, decode
from poolwright.services import mutate_group
from tests.chaos.flows.world import CLUSTER, L4, NAME, PROJECT, command, groups, image, phase, rollout, runs
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow

Json = dict[str, Any]
Grounds = Callable[[str], Ground]
FIXTURES = Path(__file__).parents[1] / "fixtures" / "previous_release"
TIMES = ("at", "began", "created", "until", "verified")


def restore(flow: Flow, name: str) -> Json:
    """The documents of this name in the store, and the world as they say it is; the rollout's own."""
    text = (FIXTURES / f"{name}.json").read_text("utf-8")
    here = {GroupRef.parse(each["selfLink"]).zone: each["name"] for each in groups(flow, L4)}
    for group in {group for document in json.loads(text)["rollouts"].values() for group in groups_of(document)}:
        text = text.replace(GroupRef.parse(group).name, here[GroupRef.parse(group).zone])
    kept = json.loads(text)
    raw = flow.ports.compute.image(PROJECT, image(flow, run_id=1))
    (document,) = kept["rollouts"].values()
    for wave in document["waves"]:
        for target in wave["targets"]:
            if target["state"] == "mutated":
                point_at_ours(flow, GroupRef.parse(target["group"]), BootImage.read(raw))
    if document["canary"]:
        its_group = GroupRef.parse(document["canary_group"])
        flow.ports.compute.create_instances(its_group, [document["canary"]], request_id=flow.ports.clock.unique())
    for each in flow.ports.store.all("records"):
        flow.ports.store.delete("records", each.key, version=each.version)
    later = flow.now() - kept.pop("now")
    for collection, documents in kept.items():
        for key, body in documents.items():
            flow.ports.store.put(collection, key, moved(body, later), version=None)
    return rollout(flow, 1)


def groups_of(document: Json) -> list[str]:
    return [target["group"] for wave in document["waves"] for target in wave["targets"]]


def moved(body: Any, later: float) -> Any:
    """Its times as they would be had it been stored so much later."""
    if isinstance(body, list):
        return [moved(each, later) for each in body]
    if not isinstance(body, dict):
        return body
    fresh = {key: value + later if key in TIMES and value else moved(value, later) for key, value in body.items()}
    if (sent := body.get("commanded", ["", ""]))[0]:
        fresh["commanded"] = [(datetime.fromisoformat(sent[0]) + timedelta(seconds=later)).isoformat(), sent[1]]
    return fresh


def point_at_ours(flow: Flow, group: GroupRef, found: BootImage) -> None:
    environment = environments.by_name(flow.ports.environments, NAME)
    assert environment is not None
    cluster, pool = mutate_group.pool_of(flow.ports, CLUSTER, group)
    outcome = mutate_group.bring_to_image(
        flow.ports, environment=environment, cluster=cluster, pool=pool, group=group, image=found, cause="", act=True
    )
    assert outcome.kind == "changed"


def finish(flow: Flow, story: Callable[[Flow], None], end: str) -> None:
    """Play on until the rollout has ended so and nothing is under way any more."""
    before = {each.key for each in flow.ports.store.all("records")}
    flow.begin()
    flow.pass_time(5)
    story(flow)
    flow.until(lambda: phase(flow, 1) == end, what=f"the end: {end}")
    flow.calm_down()
    assert decode(rollout(flow, 1)).settled
    assert rollout(flow, 1)["schema"] == SCHEMA
    assert before < {each.key for each in flow.ports.store.all("records")}
    assert not [each.key for each in flow.ports.store.all("leases")]


def members(flow: Flow) -> list[str]:
    refs = [GroupRef.parse(each["selfLink"]) for each in groups(flow, L4)]
    return [last_part(each["instance"]) for ref in refs for each in flow.ports.compute.members(ref)]


def nothing(flow: Flow) -> None:
    """Ticks alone."""


@pytest.mark.parametrize(
    ("name", "story", "end"),
    [
        ("offered", lambda flow: command(flow, "start"), "done"),
        ("mutating", nothing, "done"),
        ("verifying", nothing, "done"),
        ("baking", nothing, "done"),
        ("paused", lambda flow: command(flow, "resume"), "done"),
        ("rolling-back", nothing, "rolled back"),
        ("rolling-back-a-failed-canary", nothing, "rolled back"),
        ("mutating", lambda flow: command(flow, "rollback"), "rolled back"),
        ("verifying", lambda flow: command(flow, "abort"), "aborted"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_rollout_of_the_previous_release_comes_to_its_end(
    ground: Grounds, name: str, story: Callable[[Flow], None], end: str
) -> None:
    with ground("rollouts").flow() as flow:
        document = restore(flow, name)
        assert document["schema"] == 1
        finish(flow, story, end)
        assert members(flow) == []  # no canary node is left behind
        on = {"done": {1}, "rolled back": {None}, "aborted": {1, None}}[end]
        assert runs(flow, L4) == on
        held = flow.ports.store.get("environments", NAME)
        kept = set(held.body["held"]) if held else set()
        changed = {each for each in groups_of(rollout(flow, 1)) if end != "done" and was_changed(flow, each)}
        assert kept == changed


def was_changed(flow: Flow, group: str) -> bool:
    states = {target.group: target.state for target in decode(rollout(flow, 1)).targets}
    return states[group] != "waiting"
