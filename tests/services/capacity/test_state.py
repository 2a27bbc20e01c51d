"""STATE of a cluster and of one node: what begins, what is finished, what is emptied, and that it is all shown."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.theme import Theme

from poolwright.cli import screen
from poolwright.cli import status as cli_status
from poolwright.nodes import SAFE_TO_EVICT
from poolwright.services import obstacles
from poolwright.services import status as environment_status
from poolwright.services.states_seen import NodeState
from tests.chaos.flows.world import CLUSTER, scale, stored
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import Begin, asked, change, condition, look, members, status
from tests.services.capacity.test_scale_down import (
    PATIENT,
    SHRINKING,
    begin_a_drain,
    closed,
    idle_node,
    keep,
    nodes,
    put_pod,
    release,
)

Json = dict[str, Any]


def say(flow: Flow, word: str, *, node: str = "") -> None:
    """Somebody writes STATE into the cluster's ConfigMap, or a node's own."""
    name = f"poolwright-node-{node}" if node else "poolwright"

    def act() -> None:
        api = flow.kubernetes(CLUSTER)
        if all(each["metadata"]["name"] != "poolwright" for each in api.list("namespaces")):
            api.create("namespaces", {"metadata": {"name": "poolwright"}})
        if any(each["metadata"]["name"] == name for each in api.list("configmaps", namespace="poolwright")):
            api.patch("configmaps", name, {"data": {"STATE": word}}, "poolwright")
        else:
            api.create("configmaps", {"metadata": {"name": name}, "data": {"STATE": word}}, "poolwright")

    flow.there(act)


def lift(flow: Flow, node: str) -> None:
    """Its ConfigMap is deleted."""
    flow.there(lambda: flow.kubernetes(CLUSTER).delete("configmaps", f"poolwright-node-{node}", "poolwright"))


def pods_on(flow: Flow, node: str) -> set[str]:
    found = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods"))
    return {each["metadata"]["name"] for each in found if each["spec"].get("nodeName") == node}


def runs(flow: Flow, pod: str) -> bool:
    found = flow.there(lambda: flow.kubernetes(CLUSTER).get("pods", pod, "default"))
    return bool(found.get("status", {}).get("phase") == "Running")


def what_was_said(flow: Flow) -> list[str]:
    return [each["what"] for each in stored(flow, "records") if each["kind"] == "state"]


@pytest.mark.parametrize("word", ["DrainAndSuspend", "Pause"])
def test_in_a_suspended_cluster_nothing_begins_and_the_status_says_so_until_it_is_lifted(
    begin: Begin, word: str
) -> None:
    flow = begin()
    say(flow, word)
    flow.there(lambda: scale(flow, "chat", replicas=4))
    look(flow, times=6)
    assert not asked(flow, "CreateInstances")
    assert (status(flow)["state"], condition(flow)["reason"]) == ("DrainAndSuspend", "Suspended")
    assert word in condition(flow)["message"]
    say(flow, "Running")
    look(flow, times=4)
    assert asked(flow, "CreateInstances")
    assert status(flow)["state"] == "Running"


def test_no_idle_node_is_taken_away_in_a_suspended_cluster_but_the_one_that_may_be(begin: Begin) -> None:
    flow = begin(SHRINKING)
    idle = idle_node(flow)
    say(flow, "DrainAndSuspend")
    look(flow, times=20)
    assert not closed(flow)
    say(flow, "Running", node=idle)
    look(flow, times=12)
    assert idle not in nodes(flow)


def test_a_drain_under_way_ends_in_a_suspended_cluster(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin)
    say(flow, "DrainAndSuspend")
    look(flow, times=4)
    assert idle in closed(flow)
    release(flow, "web")
    look(flow, times=15)
    assert idle not in nodes(flow)


def test_a_suspended_node_is_closed_emptied_within_budgets_and_left_there_until_it_is_lifted(begin: Begin) -> None:
    flow = begin({"minNodes": 2})
    busy = (set(nodes(flow)) - {idle_node(flow)}).pop()
    (chat,) = [name for name in pods_on(flow, busy) if name.startswith("chat")]
    put_pod(flow, "web", busy)
    keep(flow, "web")
    flow.until(lambda: runs(flow, "web"), what="a pod that its budget keeps")
    say(flow, "DrainAndSuspend", node=busy)
    look(flow, times=8)
    assert closed(flow)[busy].startswith(f"state/poolwright-node-{busy}@")
    assert chat not in pods_on(flow, busy)
    assert "web" in pods_on(flow, busy)
    release(flow, "web")
    look(flow, times=8)
    assert not {"web", chat} & pods_on(flow, busy)
    flow.pass_time(3600)
    assert busy in closed(flow)
    assert busy in members(flow, "l4"), "it is left there"
    assert f"{busy} is empty, and stays closed" in what_was_said(flow)
    lift(flow, busy)
    look(flow, times=3)
    assert busy not in closed(flow)
    assert f"{busy} is open again" in what_was_said(flow)


def test_a_word_that_is_none_neither_empties_a_node_nor_opens_one(begin: Begin) -> None:
    flow = begin({"minNodes": 2})
    idle = idle_node(flow)
    put_pod(flow, "web", idle)
    say(flow, "Paused", node=idle)
    look(flow, times=5)
    assert not closed(flow)
    say(flow, "DrainAndSuspend", node=idle)
    look(flow, times=5)
    assert "web" not in pods_on(flow, idle)
    say(flow, "Paused", node=idle)
    look(flow, times=5)
    assert idle in closed(flow)
    say(flow, "Running", node=idle)
    look(flow, times=3)
    assert not closed(flow)


@pytest.mark.parametrize("pod", [{"bare": True}, {"annotations": {SAFE_TO_EVICT: "false"}}])
def test_a_pod_that_forbids_it_stays_on_a_suspended_node_and_the_others_leave(begin: Begin, pod: Json) -> None:
    flow = begin({"minNodes": 2})
    idle = idle_node(flow)
    put_pod(flow, "notebook", idle, **pod)
    put_pod(flow, "web", idle)
    say(flow, "DrainAndSuspend", node=idle)
    look(flow, times=6)
    assert idle in closed(flow)
    assert {"notebook", "web"} & pods_on(flow, idle) == {"notebook"}


def test_a_node_in_hand_that_is_suspended_is_not_deleted(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin)
    say(flow, "DrainAndSuspend", node=idle)
    release(flow, "web")
    look(flow, times=15)
    assert closed(flow)[idle].startswith("state/")
    assert idle in members(flow, "l4")
    assert not asked(flow, "DeleteInstances")


def test_a_suspended_node_is_never_chosen_and_its_capacity_is_not_counted_on(begin: Begin) -> None:
    flow = begin({**SHRINKING, "minUnutilizedGPUNodes": 0})
    idle = idle_node(flow)
    say(flow, "DrainAndSuspend", node=idle)
    look(flow, times=20)
    assert idle in members(flow, "l4")
    flow.there(lambda: scale(flow, "chat", replicas=2))
    look(flow, times=12)
    assert asked(flow, "CreateInstances"), "the closed node serves nobody"


def test_what_a_person_closed_himself_is_emptied_and_stays_closed_when_it_is_lifted(begin: Begin) -> None:
    flow = begin({"minNodes": 2})
    idle = idle_node(flow)
    put_pod(flow, "web", idle)
    flow.there(lambda: flow.kubernetes(CLUSTER).patch("nodes", idle, {"spec": {"unschedulable": True}}))
    say(flow, "DrainAndSuspend", node=idle)
    look(flow, times=5)
    assert "web" not in pods_on(flow, idle)
    say(flow, "Running", node=idle)
    look(flow, times=5)
    assert closed(flow) == {idle: ""}


def test_a_node_is_emptied_again_each_time_that_it_is_suspended(begin: Begin) -> None:
    flow = begin({"minNodes": 2})
    idle = idle_node(flow)
    for _ in range(2):
        say(flow, "DrainAndSuspend", node=idle)
        look(flow, times=4)
        assert idle in closed(flow)
        say(flow, "Running", node=idle)
        look(flow, times=4)
        assert not closed(flow)
    for what in (f"to close and empty {idle}, and leave it there", f"{idle} is open again"):
        assert what_was_said(flow).count(what) == 2


def test_in_mode_observe_no_node_is_closed_for_its_people(begin: Begin) -> None:
    flow = begin(PATIENT, mode="observe")
    say(flow, "DrainAndSuspend", node=idle_node(flow))
    look(flow, times=5)
    assert not closed(flow)


def test_a_node_without_gpus_is_left_alone(begin: Begin) -> None:
    flow = begin()
    body = {"metadata": {"name": "plain"}, "spec": {}}
    flow.there(lambda: flow.kubernetes(CLUSTER).create("nodes", body))
    say(flow, "DrainAndSuspend", node="plain")
    look(flow, times=4)
    found = flow.there(lambda: flow.kubernetes(CLUSTER).get("nodes", "plain"))
    assert not found["spec"].get("unschedulable")


def test_people_see_what_is_suspended_in_status_and_in_plan(begin: Begin) -> None:
    flow = begin()
    idle = idle_node(flow)
    (environment,) = flow.ports.environments
    (before,) = environment_status.read(flow.ports, environment).states
    assert (before.cluster, before.state, before.reason, before.nodes) == ("serving", "Running", "", ())
    say(flow, "DrainAndSuspend")
    say(flow, "Running", node=idle)
    found = environment_status.read(flow.ports, environment)
    (after,) = found.states
    assert (after.state, after.nodes) == ("DrainAndSuspend", (NodeState(node=idle, state="Running"),))
    assert "says DrainAndSuspend" in after.reason
    console = Console(file=io.StringIO(), width=200, theme=Theme(screen._STYLES))
    for part in cli_status._environment(found):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert f"serving: {after.reason}." in text
    assert f"serving: {idle} is Running by its own ConfigMap." in text
    (obstacle,) = obstacles.of_states(flow.ports, [flow.ports.gke.cluster(CLUSTER)])
    assert (obstacle.kind, obstacle.reason) == ("suspended", f"serving: {after.reason}.")


def test_state_costs_one_list_a_step(begin: Begin) -> None:
    flow = begin()
    look(flow, times=2)
    flow.stack.world.calls.clear()
    change(flow, {"maxNodes": 5})
    look(flow)
    lists = [each for each in flow.stack.world.calls if each.method == "configmaps.get"]
    assert len(lists) == 2, "one of the tick, one of the step"
