"""A rollout that replaces nodes, where its people suspend the cluster or one node."""

from __future__ import annotations

from tests.chaos.flows.world import NAME, command, cordoned, images_of_nodes, phase, reason, rollout
from tests.services.capacity.test_state import say
from tests.services.replacement.conftest import Begin
from tests.services.replacement.test_replacement import REPLACE, nodes, start, targets


def test_a_rollout_begins_nothing_in_a_suspended_cluster_and_its_reason_says_so(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        say(flow, "DrainAndSuspend")
        start(flow)
        flow.pass_time(900)
        assert (phase(flow, 1), set(targets(flow))) == ("mutating", {"waiting"})
        assert "ConfigMap poolwright/poolwright says DrainAndSuspend" in reason(flow, 1)
        say(flow, "Running")
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=90)
        assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}


def test_a_node_in_hand_is_finished_in_a_suspended_cluster_and_no_other_is_taken(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        start(flow)
        flow.until(lambda: cordoned(flow) == 1, what="a node in hand", minutes=30)
        say(flow, "DrainAndSuspend")
        flow.pass_time(1800)
        assert cordoned(flow) == 0
        replaced = [body for body in rollout(flow, 1)["waves"] if body["verdict"]]
        assert not replaced
        assert len(images_of_nodes(flow)) == 2, "one is made anew, the others wait"
        say(flow, "Running")
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=90)
        assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}


def test_a_suspended_node_is_left_as_it_is_and_replaced_once_it_is_lifted(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        theirs = sorted(nodes(flow))[0]
        say(flow, "DrainAndSuspend", node=theirs)
        flow.pass_time(300)
        start(flow)
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout", minutes=90)
        assert len(images_of_nodes(flow)) == 2, "theirs is what it was"
        assert nodes(flow)[theirs]["spec"]["unschedulable"]
        flow.pass_time(1800)
        assert len(images_of_nodes(flow)) == 2
        say(flow, "Running", node=theirs)
        done = {f"poolwright-{NAME}-1"}
        flow.until(lambda: images_of_nodes(flow) == done, what="the last node made anew", minutes=120)


def test_a_roll_back_waits_for_a_suspended_cluster_and_keeps_its_reason(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        start(flow)
        flow.until(lambda: phase(flow, 1) in ("verifying", "baking"), what="a changed wave", minutes=60)
        say(flow, "DrainAndSuspend")
        command(flow, "rollback")
        flow.pass_time(900)
        assert phase(flow, 1) == "rolling back"
        assert "DrainAndSuspend" in reason(flow, 1)
        say(flow, "Running")
        flow.until(lambda: phase(flow, 1) == "rolled back", what="the end of the roll-back", minutes=90)
        assert "DrainAndSuspend" not in reason(flow, 1)
