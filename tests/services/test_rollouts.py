"""Rollouts as people and policies steer them: chosen groups, pins, windows, rivals, and what an idle fleet is worth."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pytest

from localcloud.compute import refusals
from localcloud.compute.vms import Vms
from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.mutation import run_id_of
from poolwright.events.rollout_command import RolloutCommand
from poolwright.references import GroupRef, last_part
from poolwright.rollouts.rollout import decode
from poolwright.services import plan_groups, progress, rollout_command, status
from poolwright.verdicts import Refused
from tests.chaos.flows.world import (
    CLUSTER,
    GKE,
    L4,
    MANAGER,
    NAME,
    PROJECT,
    groups,
    image,
    phase,
    rollout,
    runs,
    stored,
    table,
)
from tests.chaos.harness import Flow
from tests.services.conftest import Begin

_COUNT = itertools.count(1)


def order(flow: Flow, action: Literal["start", "pause", "resume", "abort", "rollback"], **fields: Any) -> str:
    """A person's command, obeyed at once."""
    flow.pass_time(1)
    event = RolloutCommand(
        message_id=f"{next(_COUNT):08}", publish_time=datetime.fromtimestamp(flow.now(), UTC), subscription="s",
        action=action, environment=NAME, run_id=fields.pop("run_id", None), rollout=fields.pop("rollout", None),
        requester="ada", reason="because", **fields,
    )  # fmt: skip
    return rollout_command.handle(event, flow.ports)


def until(flow: Flow, run_id: int, expected: str) -> None:
    flow.until(lambda: phase(flow, run_id) == expected, what=f"{expected} of run {run_id}")


def on(flow: Flow) -> dict[str, int | None]:
    """Group -> the run it is on."""
    return {each["name"]: run_id_of(last_part(each["instanceTemplate"])) for each in groups(flow, L4)}


def held(flow: Flow) -> dict[str, str]:
    found = flow.ports.store.get("environments", NAME)
    return {last_part(group): why for group, why in (found.body["held"] if found else {}).items()}


def told(flow: Flow, subject: str) -> list[str]:
    records = sorted(stored(flow, "records"), key=lambda each: float(each["at"]))
    return [each["what"] for each in records if each["subject"] == subject]


def of(flow: Flow, run_id: int) -> Any:
    return progress.merged(flow.ports, decode(rollout(flow, run_id)))


class TestChosenGroups:
    def test_only_they_are_changed_and_stay_so(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        first, second, third = sorted(on(flow))
        order(flow, "start", run_id=1, groups=(f"{zone_of(flow, second)}/{second}",))
        until(flow, 1, "done")
        flow.pass_time(600)
        assert on(flow) == {first: None, second: 1, third: None}
        assert held(flow) == {second: "chaos-1 brought chosen groups to run 1"}

    def test_they_are_held_no_longer_once_their_run_goes_everywhere(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        first = min(on(flow))
        order(flow, "start", run_id=1, groups=(first,))
        until(flow, 1, "done")
        order(flow, "start", run_id=1)
        flow.until(lambda: runs(flow, L4) == {1}, what="all groups on the image")
        flow.until(lambda: held(flow) == {}, what="the release")

    def test_they_go_back_without_a_rollout_under_way_and_are_held_there(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        order(flow, "start", run_id=1)
        until(flow, 1, "done")
        first, second, third = sorted(on(flow))
        order(flow, "rollback", groups=(second,))
        flow.until(lambda: on(flow)[second] is None, what="the roll-back")
        flow.pass_time(600)
        assert on(flow) == {first: 1, second: None, third: 1}
        assert held(flow) == {second: f"{back(flow)}: rolled back on command by ada"}
        assert phase(flow, 1) == "done"
        assert told(flow, back(flow))[0] == "rolling back: 1 groups"

    def test_what_is_excluded_by_now_can_be_put_back_all_the_same(
        self, begin: Begin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flow = begin()
        image(flow, run_id=1)
        order(flow, "start", run_id=1)
        until(flow, 1, "done")
        (environment,) = flow.ports.environments
        without = msgspec.structs.replace(environment, exclude=Exclusion(pools=(L4.name,)))
        monkeypatch.setitem(flow.ports.__dict__, "environments", (without,))
        first = min(on(flow))
        with pytest.raises(Refused, match="left alone"):
            order(flow, "start", run_id=1, groups=(first,))
        order(flow, "rollback", groups=(first,))
        flow.until(lambda: on(flow)[first] is None, what="the roll-back")

    def test_a_rollout_that_is_under_way_does_not_give_them_away(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        order(flow, "start", run_id=1)
        until(flow, 1, "baking")
        with pytest.raises(Refused, match="some belong to chaos-1, which is baking"):
            order(flow, "rollback", groups=(max(on(flow)),))

    def test_a_name_that_nobody_has_is_refused_with_those_that_would_do(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        name = min(on(flow))
        with pytest.raises(Refused, match=f"nobody is no instance group .*{name}"):
            order(flow, "start", run_id=1, groups=("nobody",))
        assert rollout(flow, 1) == {}


class TestAPin:
    def test_a_person_who_starts_another_run_is_refused_with_the_reason(self, begin: Begin) -> None:
        flow = begin(runId=1)
        image(flow, run_id=1)
        image(flow, run_id=2)
        with pytest.raises(Refused, match=r"is 2, but chaos is pinned to run 1\. Start run 1, or change runId"):
            order(flow, "start", run_id=2)

    def test_a_start_without_a_run_means_the_pin(self, begin: Begin) -> None:
        flow = begin(runId=1)
        image(flow, run_id=1)
        image(flow, run_id=2)
        order(flow, "start")
        until(flow, 1, "done")
        assert runs(flow, L4) == {1}


class TestAnIdleFleet:
    def test_holds_where_no_canary_node_may_be_added_and_goes_on_with_the_first_node_that_boots(
        self, begin: Begin
    ) -> None:
        flow = begin(rollout={"canaryNode": False, "waves": [1.0], "bakeSeconds": 60, "nodeReadySeconds": 600})
        image(flow, run_id=1)
        order(flow, "start")
        flow.pass_time(1200)
        assert phase(flow, 1) == "verifying"
        assert rollout(flow, 1)["reason"] == ("canary is unproven: no node booted the image, and the policy adds none")
        assert "held: canary" in told(flow, "chaos-1")
        flow.ask(GKE, f"{MANAGER}.SetNodePoolSize", name=str(L4), nodeCount=1)
        until(flow, 1, "done")
        assert rollout(flow, 1)["waves"][0]["verdict"] == "passed"

    def test_never_passes_a_wave_in_which_no_node_booted(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        order(flow, "start")
        until(flow, 1, "done")
        assert [wave["verdict"] for wave in rollout(flow, 1)["waves"]] == ["passed", "unproven", "unproven"]


class TestACanaryNode:
    def test_for_which_there_is_no_quota_is_weather(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        flow.there(lambda: table(flow, "compute.quotas").update({"us-central1": {"NVIDIA_L4_GPUS": 0}}))
        order(flow, "start")
        flow.until(lambda: rollout(flow, 1)["tries"] > 1, what="a second try")
        assert phase(flow, 1) == "verifying"
        assert "QUOTA" in rollout(flow, 1)["reason"]
        flow.there(lambda: table(flow, "compute.quotas").clear())
        until(flow, 1, "done")
        names = {each["what"] for each in stored(flow, "records") if "decided on" in each["what"]}
        assert len(names) > 2

    def test_whose_name_a_foreign_vm_has_gets_another_one(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        first = min(groups(flow, L4), key=lambda each: str(each["zone"]))
        taken = f"{first['baseInstanceName']}-{hashlib.sha256(b'chaos-1').hexdigest()[:4]}"
        path = f"projects/{PROJECT}/zones/{last_part(first['zone'])}/instances/{taken}"
        body = {"name": taken, "id": "1", "status": "RUNNING", "disks": [], "selfLink": path}
        flow.there(lambda: table(flow, "compute.instances").update({path: body}))
        order(flow, "start")
        flow.until(lambda: rollout(flow, 1)["tries"] == 1, what="a name that was given up")
        assert rollout(flow, 1)["reason"] == (
            f"canary is unproven: {taken} is the name of a VM that is not of its group"
        )
        until(flow, 1, "done")
        assert rollout(flow, 1)["proved"] not in ("", taken)

    def test_that_cannot_be_made_for_another_reason_is_a_failed_gate(
        self, begin: Begin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flow = begin()
        image(flow, run_id=1)
        make = Vms.make

        def refuse(self: Vms, zone: str, body: Any) -> Any:
            raise refusals.invalid("resource.disks[0].type", "pd-gone", "The disk type is not there.")

        monkeypatch.setattr(Vms, "make", refuse)
        order(flow, "start")
        flow.until(lambda: phase(flow, 1) in ("rolling back", "rolled back"), what="the gate")
        monkeypatch.setattr(Vms, "make", make)
        until(flow, 1, "rolled back")
        assert "could not be made" in rollout(flow, 1)["reason"]
        assert runs(flow, L4) == {None}

    def test_that_somebody_deletes_is_made_again_under_another_name(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        order(flow, "start")
        until(flow, 1, "baking")
        seen = of(flow, 1)
        flow.ports.compute.delete_instances(
            GroupRef.parse(seen.canary_group), [seen.canary], request_id=flow.ports.clock.unique()
        )
        until(flow, 1, "done")
        assert rollout(flow, 1)["proved"] != seen.canary


@pytest.mark.slow
class TestRivals:
    def test_a_newer_rollout_supersedes_an_older_one_and_both_say_so(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        image(flow, run_id=2)
        order(flow, "start", run_id=1)
        until(flow, 1, "baking")
        order(flow, "start", run_id=2)
        until(flow, 2, "done")
        assert (phase(flow, 1), rollout(flow, 1)["superseded_by"]) == ("superseded", "chaos-2")
        assert runs(flow, L4) == {2}
        records = [each for each in stored(flow, "records") if each["kind"] == "rollout"]
        assert [
            each["why"] for each in records if each["subject"] == "chaos-2" and each["what"].startswith("mutating: 3")
        ] == ["supersedes chaos-1"]
        assert [each["why"] for each in records if each["what"] == "superseded: canary"] == ["superseded by chaos-2"]

    def test_a_newer_rollout_waits_until_an_older_one_has_rolled_back(self, begin: Begin) -> None:
        flow = begin()
        image(flow, run_id=1)
        image(flow, run_id=2)
        order(flow, "start", run_id=1)
        until(flow, 1, "done")
        order(flow, "rollback", run_id=1)
        order(flow, "start", run_id=2)
        until(flow, 2, "done")
        assert phase(flow, 1) == "rolled back"
        assert runs(flow, L4) == {2}
        assert held(flow) == {}


def test_every_command_is_recorded_with_who_and_why_and_what_it_changed(begin: Begin) -> None:
    flow = begin()
    image(flow, run_id=1)
    order(flow, "start")
    until(flow, 1, "baking")
    for action in ("pause", "resume", "abort"):
        order(flow, action)
    flow.pass_time(300)
    records = sorted(stored(flow, "records"), key=lambda each: float(each["at"]))
    found = [each for each in records if each["kind"] == "command"]
    assert [(each["requester"], each["why"]) for each in found] == [("ada", "because")] * 3
    assert [each["before"].partition(", canary")[0] for each in found] == [
        "baking: canary",
        "baking: canary, paused",
        "baking: canary",
    ]
    assert [each["after"].partition(", canary")[0] for each in found] == [
        "baking: canary, paused",
        "baking: canary",
        "aborted",
    ]


def test_an_autopilot_cluster_is_left_alone_and_named(begin: Begin) -> None:
    flow = begin()
    image(flow, run_id=1)
    flow.there(lambda: table(flow, "gke.clusters")[str(CLUSTER)].update(autopilot={"enabled": True}))
    assert "no GPU node pool that is not excluded" in order(flow, "start")
    with pytest.raises(Refused, match="Autopilot cluster, whose nodes are Google's own"):
        order(flow, "start", groups=(min(on(flow)),))
    flow.pass_time(300)
    assert set(on(flow).values()) == {None}
    (environment,) = flow.ports.environments
    for seen in (plan_groups.plan(flow.ports, environment), status.read(flow.ports, environment)):
        assert [each.kind for each in seen.obstacles] == ["autopilot"]


def back(flow: Flow) -> str:
    return next(str(each["id"]) for each in stored(flow, "rollouts") if each["kind"] == "roll-back")


def zone_of(flow: Flow, name: str) -> str:
    return next(last_part(each["zone"]) for each in groups(flow, L4) if each["name"] == name)
