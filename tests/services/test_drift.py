"""Drift of groups and of members: seen by event or tick, reported, and healed where policy says so."""

from __future__ import annotations

from typing import Any

import pytest

from poolwright.references import last_part
from poolwright.services import drift
from poolwright.services.ports import Listed
from tests.chaos.flows.world import (
    GKE,
    L4,
    MANAGER,
    NAME,
    command,
    groups,
    image,
    images_of_nodes,
    phase,
    release,
    rollout,
    runs,
    stored,
    table,
    upgrade,
)
from tests.chaos.harness import Flow
from tests.services.conftest import Begin
from tests.services.test_mutation import compute_calls, first, released_only, template, writes


def grow(flow: Flow, *, to: int) -> None:
    flow.ask(GKE, f"{MANAGER}.SetNodePoolSize", name=str(L4), nodeCount=to)
    flow.pass_time(600)


def known(flow: Flow) -> dict[str, set[str]]:
    """Group -> templates that its old members are on."""
    return {last_part(each.group): set(each.members.values()) for each in drift.known(flow.ports, NAME)}


def gkes(flow: Flow) -> str:
    """The name of the template that GKE issued for the first group."""
    return str(template(flow)["name"])


@pytest.mark.slow
def test_members_on_an_older_template_are_reported_and_live_on(begin: Begin) -> None:
    flow = begin()
    grow(flow, to=1)
    old = gkes(flow)
    release(flow, run_id=1)
    flow.stack.world.calls.clear()
    flow.pass_time(1200)
    assert known(flow)[first(flow).name] == {old}
    assert len(known(flow)) == 3
    assert writes(flow) == []
    told = [each for each in stored(flow, "records") if each["kind"] == "drift"]
    assert [each["what"] for each in told] == [
        f"1 members are on other templates than {each['what'].split()[-1]}" for each in told
    ]
    assert len(told) == 3


@pytest.mark.slow
def test_old_members_are_listed_at_a_slow_pace_and_new_ones_not_at_all(begin: Begin) -> None:
    flow = begin()
    release(flow, run_id=1)
    flow.pass_time(300)
    flow.stack.world.calls.clear()
    flow.pass_time(3600)
    listing = "instance_group_managers.ListManagedInstances"
    assert compute_calls(flow)[listing] == 0
    grow(flow, to=1)
    flow.pass_time(3600)
    young = compute_calls(flow)[listing]
    assert known(flow) == {}
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.pass_time(1200)
    flow.stack.world.calls.clear()
    flow.pass_time(3600)
    looks = compute_calls(flow)[listing]
    assert young <= 3 * 3
    assert 0 < looks <= 3 * (3600 / drift.LOOK_SECONDS + 1)


def test_a_vm_that_was_remade_from_an_old_template_is_seen(begin: Begin) -> None:
    flow = begin()
    old = groups(flow, L4)[0]["instanceTemplate"]
    release(flow, run_id=1)
    grow(flow, to=1)
    flow.pass_time(300)
    assert known(flow) == {}
    (member,) = table(flow, "compute.managedInstances")[str(first(flow))].values()
    member["template"] = old.partition("/compute/v1/")[2]  # as a repair does
    flow.pass_time(300)
    assert known(flow) == {first(flow).name: {last_part(old)}}


@pytest.mark.slow
def test_members_that_are_gone_are_no_drift_any_more(begin: Begin) -> None:
    flow = begin()
    grow(flow, to=1)
    release(flow, run_id=1)
    flow.pass_time(600)
    assert len(known(flow)) == 3
    grow(flow, to=0)
    flow.pass_time(600)
    assert known(flow) == {}
    told = [each["what"] for each in stored(flow, "records") if each["kind"] == "drift"]
    assert len([each for each in told if each.startswith("every member is on")]) == 3


@pytest.mark.slow
def test_under_replace_old_members_are_replaced_by_a_rollout_to_their_groups(begin: Begin) -> None:
    flow = begin("replacing")
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=120)
    flow.pass_time(600)
    assert known(flow) == {}
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.until(lambda: runs(flow, L4) == {1} and bool(known(flow)), what="drift of members", minutes=60)
    flow.until(lambda: len(stored(flow, "rollouts")) == 2, what="a rollout that replaces them")
    later = next(each for each in stored(flow, "rollouts") if each["id"] != f"{NAME}-1")
    flow.until(lambda: not known(flow), what="no member on an old template", minutes=120)
    assert later["id"].startswith(f"{NAME}-1-members-")
    assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}
    flow.pass_time(1800)
    assert len(stored(flow, "rollouts")) == 2


@pytest.mark.slow
def test_a_look_from_before_members_were_replaced_starts_no_other_rollout(begin: Begin) -> None:
    flow = begin("replacing")
    old = gkes(flow)
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=120)
    flow.pass_time(600)
    wave = next(wave for wave in rollout(flow, 1)["waves"] if wave["targets"][0]["group"] == str(first(flow)))
    late = {
        "environment": NAME, "pool": str(L4), "template": gkes(flow), "members": {"gone": old}, "open": True,
        "since": wave["began"], "at": wave["verified"] - 1,
    }  # fmt: skip
    stored_before = flow.ports.store.get(drift.COLLECTION, str(first(flow)))
    version = stored_before.version if stored_before else None
    flow.ports.store.put(drift.COLLECTION, str(first(flow)), late, version=version)
    flow.pass_time(1200)
    assert [each["id"] for each in stored(flow, "rollouts")] == [f"{NAME}-1"]
    assert known(flow) == {}


def unreachable(flow: Flow, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zone does not answer for its groups."""
    whole = flow.ports.compute.groups

    def partly(project: str) -> Listed:
        kept = tuple(each for each in whole(project) if last_part(each["zone"]) != zone)
        return Listed(kept, frozenset({zone}))

    monkeypatch.setattr(flow.ports.compute, "groups", partly)


def test_a_zone_that_does_not_answer_keeps_no_other_from_being_healed(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = begin()
    released_only(flow, run_id=1)
    unreachable(flow, "us-central1-a", monkeypatch)
    flow.pass_time(600)
    by_zone = {last_part(each["zone"]): "-pw-1-" in each["instanceTemplate"] for each in groups(flow, L4)}
    assert by_zone == {"us-central1-a": False, "us-central1-b": True, "us-central1-c": True}


@pytest.mark.slow
def test_a_pool_that_moved_to_another_base_image_has_one_build_asked_for(begin: Begin) -> None:
    flow = begin("rebuilding")
    release(flow, run_id=1)
    upgrade(flow)
    flow.until(lambda: phase(flow, 2) == "done", what="the rebuilt image on all groups", minutes=120)
    assert runs(flow, L4) == {2}
    assert [each["runId"] for each in sorted(stored(flow, "runs"), key=lambda each: each["runId"])] == [2]
    builds = table(flow, "cloudBuild.builds")
    assert len(builds) == 1


@pytest.mark.parametrize(
    ("world", "said", "told"),
    [
        ("rollouts", {}, "build an image on"),
        ("rebuilding", {"runId": 1}, "is pinned to run 1"),
    ],
    ids=["report", "pinned"],
)
def test_no_build_is_asked_for_where_policy_forbids(begin: Begin, world: str, said: dict[str, Any], told: str) -> None:
    flow = begin(world, **said)
    release(flow, run_id=1)
    upgrade(flow)
    flow.until(lambda: len(stored(flow, "refusals")) == len(groups(flow, L4)), what="the refusals")
    flow.pass_time(600)
    assert all(each["kind"] == "skew" and told in each["reason"] for each in stored(flow, "refusals"))
    assert flow.ports.store.all("runs") == []
    assert rollout(flow, 2) == {}


def test_nothing_is_brought_past_a_pinned_run(begin: Begin) -> None:
    flow = begin(runId=1)
    released_only(flow, run_id=2)
    flow.begin()
    flow.pass_time(600)
    assert runs(flow, L4) == {None}
    assert writes(flow) == []
