"""What is right already is left alone: no canary node, no patch, and no word of a proof that there was not."""

from __future__ import annotations

import msgspec
import pytest

from poolwright.references import last_part
from poolwright.rollouts import plan
from poolwright.rollouts.rollout import Rollout
from poolwright.services import ask_rollout, deciding, known_rollouts, plan_groups, released, start_rollout
from tests.chaos.flows.world import GKE, L4, MANAGER, NAME, image, runs, stored
from tests.chaos.harness import Flow
from tests.services.conftest import Begin
from tests.services.test_rollouts import held, of, on, order, until

ALL_RIGHT = "nothing to do: all 3 groups are on run 1 already"


def written(flow: Flow) -> list[str]:
    """What was written at Google's and in clusters since `begin`: the method, and the group that it is about."""
    calls = [each for each in flow.stack.world.calls.mutating() if not each.host.startswith("pubsub")]
    return [f"{each.method} {each.params.get('instanceGroupManager', '')}".strip() for each in calls]


def newest(flow: Flow) -> Rollout:
    return known_rollouts.all_of(flow.ports, NAME)[-1]


def the_end(flow: Flow) -> Rollout:
    flow.until(lambda: newest(flow).phase == "done", what="the end")
    return newest(flow)


def rolled_out(flow: Flow) -> None:
    """Run 1 is what is released."""
    image(flow, run_id=1)
    order(flow, "start", run_id=1)
    until(flow, 1, "done")
    flow.pass_time(300)


def aborted_half_way(flow: Flow) -> set[str]:
    """Run 1 was never proven; the groups that are on it all the same."""
    image(flow, run_id=1)
    order(flow, "start", run_id=1)
    until(flow, 1, "baking")
    order(flow, "abort")
    flow.pass_time(300)
    return {group for group, run in on(flow).items() if run == 1}


def test_a_second_rollout_of_the_released_run_writes_nothing_and_says_why(begin: Begin) -> None:
    flow = begin()
    rolled_out(flow)
    before = stored(flow, "environments"), stored(flow, "rollouts"), stored(flow, "targets")
    flow.begin()
    assert order(flow, "start", run_id=1).endswith(ALL_RIGHT)
    flow.pass_time(1200)
    assert written(flow) == []
    assert (stored(flow, "environments"), stored(flow, "rollouts"), stored(flow, "targets")) == before
    (told,) = [each for each in stored(flow, "records") if each["what"] == "start changed nothing"]
    assert (told["requester"], told["why"]) == ("ada", ALL_RIGHT)


def test_the_same_goes_for_chosen_groups(begin: Begin) -> None:
    flow = begin()
    rolled_out(flow)
    flow.begin()
    assert order(flow, "start", run_id=1, groups=(min(on(flow)),)).endswith("all 1 groups are on run 1 already")
    flow.pass_time(600)
    assert written(flow) == []


def test_who_waits_for_the_answer_gets_it(begin: Begin) -> None:
    flow = begin()
    rolled_out(flow)
    (environment,) = flow.ports.environments
    message_id = ask_rollout.ask(flow.ports, action="start", environment=NAME, run_id=1, requester="ada")
    assert ask_rollout.answer(flow.ports, environment, message_id=message_id) is None
    flow.pass_time(10)
    answer = ask_rollout.answer(flow.ports, environment, message_id=message_id)
    assert answer is not None
    assert (answer.state, answer.rollout) == ("changed nothing", "")
    assert answer.sentence == f"start changed nothing: {ALL_RIGHT}"


def test_only_the_group_that_is_not_right_is_changed_and_gets_the_canary_node(begin: Begin) -> None:
    flow = begin()
    rolled_out(flow)
    second = sorted(on(flow))[1]
    order(flow, "rollback", groups=(second,))
    flow.until(lambda: on(flow)[second] is None, what="the roll-back")
    flow.pass_time(300)
    flow.begin()
    order(flow, "start", run_id=1)
    ended = the_end(flow)
    assert [last_part(each.group) for each in ended.targets] == [second]
    assert last_part(ended.canary_group) == second
    assert {each.partition(" ")[2] for each in written(flow)} == {second}
    assert held(flow) == {}


@pytest.mark.slow
def test_a_group_for_which_gke_issues_another_template_is_not_right(begin: Begin) -> None:
    flow = begin()
    rolled_out(flow)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    order(flow, "start", run_id=1)  # while GKE works on the pool: what is not sure is left to the rollout
    assert len(newest(flow).targets) == 3
    the_end(flow)
    assert runs(flow, L4) == {1}


def test_a_rollout_of_a_proven_image_that_finds_its_groups_right_makes_no_canary_node_and_never_passed(
    begin: Begin,
) -> None:
    flow = begin()
    rolled_out(flow)
    first = newest(flow)
    fresh = [msgspec.structs.replace(each, state="waiting", reason="", found=False) for each in first.targets]
    waves = plan.waves(fresh, fractions=(0.5,))
    again = msgspec.structs.replace(
        first, id="chaos-1-again", phase="mutating", waves=waves, wave=0, proved="", canary_group="", outbox=(),
        proven_before=True, created=flow.now(), asked_time=0,
    )  # fmt: skip
    flow.begin()
    start_rollout.store(flow.ports, again, what="mutating: 3 groups")
    ended = the_end(flow)
    assert written(flow) == []
    assert [each.verdict for each in ended.waves] == ["unchanged"] * 3
    assert ended.reason == "3 groups on run 1; nothing was changed, as all were right already"


def test_an_image_that_was_never_proven_still_has_to_be_where_its_groups_are_right(begin: Begin) -> None:
    flow = begin()
    right = aborted_half_way(flow)
    order(flow, "start", run_id=1, groups=tuple(right))
    assert the_end(flow).id != f"{NAME}-1"
    assert newest(flow).proved


def test_the_canary_node_of_a_second_try_is_in_a_group_that_it_changes(begin: Begin) -> None:
    flow = begin()
    right = aborted_half_way(flow)
    order(flow, "start", run_id=1)
    ended = the_end(flow)
    assert last_part(ended.canary_group) not in right
    assert runs(flow, L4) == {1}
    assert held(flow) == {}
    assert of(flow, 1).phase == "aborted"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["new-nodes-only", "replace"])
def test_old_nodes_are_something_to_do_only_where_nodes_are_replaced(begin: Begin, policy: str) -> None:
    flow = begin()
    flow.ask(GKE, f"{MANAGER}.SetNodePoolSize", name=str(L4), nodeCount=1)
    flow.pass_time(600)
    rolled_out(flow)
    (environment,) = flow.ports.environments
    rules = msgspec.structs.replace(environment.rollout, node_policy=policy)
    changed = msgspec.structs.replace(environment, rollout=rules)
    found = released.image(flow.ports, environment, released.read(flow.ports, environment).image)
    assert found is not None
    among = {each.group for each in newest(flow).targets}
    right = deciding.right_already(flow.ports, changed, found, among)
    assert right == (among if policy == "new-nodes-only" else set())


@pytest.mark.slow
def test_another_environment_file_under_the_same_run_goes_out_by_a_rollout_and_not_by_a_tick(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = begin()
    rolled_out(flow)
    (environment,) = flow.ports.environments
    wanted = msgspec.structs.replace(environment.substitutions, labels={"team": "chaos"})
    changed = msgspec.structs.replace(environment, substitutions=wanted)
    monkeypatch.setitem(flow.ports.__dict__, "environments", (changed,))
    flow.begin()
    flow.pass_time(1200)
    assert written(flow) == []
    planned = plan_groups.plan(flow.ports, changed, run_id=1).groups
    assert [each.verdict for each in planned] == ["change"] * 3
    order(flow, "start", run_id=1)
    ended = the_end(flow)
    assert len(ended.targets) == 3
    assert ended.proved
    after = plan_groups.plan(flow.ports, changed, run_id=1).groups
    assert [each.verdict for each in after] == ["right"] * 3
