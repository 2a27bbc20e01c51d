"""Replacing the nodes of a group, by laws: on a small fleet that does what is decided, dies in between, and refuses."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolwright.nodes import CORDONED_FOR, SAFE_TO_EVICT, Node, Pod
from poolwright.rollouts import replacement
from poolwright.rollouts.emptying import Cordon, Evict, Member, Wait
from poolwright.rollouts.in_hand import Memory, Since, asked, caught_up
from poolwright.rollouts.replacement import Decide, Delete, Done, GiveUp, Open, Recreate, Rules, Step, Surge
from poolwright.rollouts.rollout import Phase, Policy, Rollout, Target, TargetState, Wave

RULES = Rules(holder="dev-42", base="gke-l4", max_unavailable=1, max_surge=0, drain_seconds=600, node_ready_seconds=900)
TICK = 30.0
NOTHING = Memory()


def node(name: str, *, ready: bool = True, cordoned_for: str | None = None, gpus: int = 1) -> Node:
    annotations = {CORDONED_FOR: cordoned_for} if cordoned_for else {}
    return Node(name, ready=ready, cordoned=cordoned_for is not None, gpus=gpus, annotations=annotations)


def pod(name: str, on: str, *, owner: str = "ReplicaSet", gpus: int = 0, safe: str = "", deleting: bool = False) -> Pod:
    annotations = {SAFE_TO_EVICT: safe} if safe else {}
    return Pod("default", name, on, "Running", gpus, owner, annotations=annotations, deleting=deleting)


def member(name: str, *, fresh: bool = False, pods: tuple[Pod, ...] = (), **changes: object) -> Member:
    made = Member(name=name, fresh=fresh, node=node(name), pods=pods, gpus_expected=1)
    return replace(made, **changes)  # type: ignore[arg-type]


def decide(members: list[Member], memory: Memory = NOTHING, *, rules: Rules = RULES, now: float = 1000.0) -> Step:
    seen = caught_up(memory, members, holder=rules.holder, now=now)
    return replacement.next_step(seen, members, rules=rules, now=now)


def in_hand(*names: str, at: float = 990.0) -> Memory:
    drains = tuple(Since(name, at, turn, asked=True) for turn, name in enumerate(names, 1))
    return Memory(drains=drains, taken=len(names))


@dataclass
class Fleet:
    """A group that obeys in time: what is recreated is healthy some ticks later, what is evicted leaves some ticks
    later, budgets say no now and then, and a process that dies does not save what it decided."""

    members: dict[str, Member]
    rules: Rules
    dice: random.Random
    kills: bool = False
    now: float = 1000.0
    memory: Memory = NOTHING
    due: dict[str, float] = field(default_factory=dict)
    log: list[Step] = field(default_factory=list)
    size: int = 0

    def __post_init__(self) -> None:
        self.size = len(self.members)

    def run(self, steps: int = 600) -> Step:
        for _ in range(steps):
            step = self.step()
            self.check()
            if isinstance(step, Done | GiveUp):
                return step
        raise AssertionError(f"no end: {self.log[-4:]} {self.memory}")

    def step(self) -> Step:
        members = list(self.members.values())
        self.dice.shuffle(members)
        seen = caught_up(self.memory, members, holder=self.rules.holder, now=self.now)
        step = replacement.next_step(seen, members, rules=self.rules, now=self.now)
        self.log.append(step)
        if isinstance(step, Decide):
            seen = step.memory
        else:
            self.act(step)
        if not (self.kills and self.dice.random() < 0.3):
            self.memory = msgspec.convert(msgspec.to_builtins(seen), Memory)
        if isinstance(step, Wait | Evict | Recreate | Surge):
            self.pass_time()
        return step

    def act(self, step: Step) -> None:
        if isinstance(step, Open | Cordon):
            here = self.members[step.node]
            assert here.node and here.action == "NONE", "its VM is on its way out"
            cordoned_for = self.rules.holder if isinstance(step, Cordon) else None
            self.members[step.node] = replace(
                here, node=node(here.name, ready=here.node.ready, cordoned_for=cordoned_for)
            )
        elif isinstance(step, Evict):
            for each in step.pods:
                assert not each.stays and not each.attachment, f"{each} must not be evicted"
                if self.dice.random() < 0.7:
                    self.due[f"pod {each.name}"] = self.now + self.dice.choice([0, 40])
        elif isinstance(step, Recreate):
            for name in step.members:
                assert not [each for each in self.members[name].pods if not each.stays], "it is not empty"
                lingers = self.members[name].node if self.dice.random() < 0.5 else None  # as long as the old VM dies
                self.members[name] = Member(name=name, fresh=True, action="RECREATING", node=lingers, gpus_expected=1)
                self.due[f"node {name}"] = self.now + self.dice.choice([30, 90])
        elif isinstance(step, Delete):
            for name in step.members:
                assert not [each for each in self.members[name].pods if not each.stays], "it is not empty"
                self.members[name] = replace(self.members[name], action="DELETING")
                self.due[f"gone {name}"] = self.now + 30
        elif isinstance(step, Surge):
            for name in step.members:
                self.members.setdefault(name, Member(name=name, fresh=True, action="CREATING", gpus_expected=1))
                self.due[f"node {name}"] = self.now + self.dice.choice([30, 90])

    def pass_time(self) -> None:
        self.now += TICK
        for key in [key for key, due in self.due.items() if due <= self.now]:
            del self.due[key]
            kind, _, name = key.partition(" ")
            if kind == "gone":
                self.members.pop(name, None)
            elif kind == "node":
                self.members[name] = member(name, fresh=True)
            else:
                for each in self.members.values():
                    kept = tuple(pod for pod in each.pods if pod.name != name)
                    self.members[each.name] = replace(each, pods=kept)

    def check(self) -> None:
        here = [each for each in self.members.values() if not each.leaving]
        serving = sum(each.serving for each in here)
        least = self.size - (0 if self.rules.max_surge else self.rules.max_unavailable)
        assert serving >= least, f"{serving} of {self.size} serve: {self.log[-5:]}"
        assert len(here) <= self.size + self.rules.max_surge, f"{len(here)} of {self.size}"


PODS = st.lists(st.tuples(st.sampled_from(["ReplicaSet", "Job", "DaemonSet", "Node"]), st.integers(0, 1)), max_size=4)


@settings(max_examples=150)
@given(
    pods=st.lists(PODS, min_size=1, max_size=6),
    fresh=st.sets(st.integers(0, 5)),
    unavailable=st.integers(1, 3),
    surge=st.integers(0, 3),
    seed=st.integers(0, 10_000),
    kills=st.booleans(),
)
def test_every_old_node_is_replaced_within_the_limits_whoever_dies_when(
    pods: list[list[tuple[str, int]]], fresh: set[int], unavailable: int, surge: int, seed: int, kills: bool
) -> None:
    names = [f"n{index}" for index in range(len(pods))]
    members = {
        name: member(
            name,
            fresh=index in fresh,
            pods=tuple(pod(f"{name}-{n}", name, owner=owner, gpus=gpus) for n, (owner, gpus) in enumerate(pods[index])),
        )
        for index, name in enumerate(names)
    }
    rules = limits(unavailable, surge)
    fleet = Fleet(members, rules, random.Random(seed), kills=kills)
    assert isinstance(fleet.run(), Done), fleet.log[-3:]
    assert all(each.fresh and each.serving for each in fleet.members.values() if not each.leaving)
    assert len([each for each in fleet.members.values() if not each.leaving]) == len(pods)
    assert fleet.memory.named <= sum(index not in fresh for index in range(len(pods))), "more surge than old nodes"
    untouched = {names[index] for index in fresh if index < len(names)}
    assert not untouched & {each.node for each in fleet.log if isinstance(each, Cordon)}, "a fresh node was touched"


def limits(unavailable: int, surge: int) -> Rules:
    return replace(RULES, max_unavailable=unavailable, max_surge=surge, drain_seconds=10**9)


@settings(max_examples=100)
@given(stop_after=st.integers(0, 25), surge=st.integers(0, 2), count=st.integers(1, 4), seed=st.integers(0, 1000))
def test_whenever_it_is_stopped_no_node_stays_cordoned(stop_after: int, surge: int, count: int, seed: int) -> None:
    members = {f"n{i}": member(f"n{i}", pods=(pod(f"p{i}", f"n{i}"),)) for i in range(count)}
    fleet = Fleet(members, limits(1, surge), random.Random(seed))
    for _ in range(stop_after):
        if isinstance(fleet.step(), Done):
            break
    fleet.rules = replace(fleet.rules, stop="the rollout was aborted")
    assert isinstance(fleet.run(), Done)
    closed = [each.name for each in fleet.members.values() if each.node and each.node.cordoned and not each.leaving]
    assert not closed


@settings(max_examples=100)
@given(st.permutations(range(5)), st.permutations(range(3)))
def test_the_order_of_members_and_pods_makes_no_difference(order: list[int], pods: list[int]) -> None:
    rules = replace(RULES, max_unavailable=2)
    kept = [pod(f"p{index}", "n0") for index in range(3)]
    members = [member(f"n{index}", pods=tuple(kept) if index == 0 else ()) for index in range(5)]
    members[0] = replace(members[0], node=node("n0", cordoned_for="dev-42"))
    shuffled = [members[index] for index in order]
    shuffled[order.index(0)] = replace(members[0], pods=tuple(kept[index] for index in pods))
    for memory in (Memory(), in_hand("n0"), in_hand("n0", "n1")):
        assert decide(members, memory, rules=rules) == decide(shuffled, memory, rules=rules)


def test_an_old_node_is_taken_into_hand_closed_emptied_and_made_anew() -> None:
    web = pod("web", "a", gpus=1)
    first = decide([member("a", pods=(web,)), member("b")])
    assert isinstance(first, Decide) and [each.name for each in first.memory.drains] == ["b"], "b has nothing to lose"
    assert decide([member("a", pods=(web,))], in_hand("a")) == Cordon("a")
    closed = member("a", pods=(web, pod("daemon", "a", owner="DaemonSet")), node=node("a", cordoned_for="dev-42"))
    assert decide([closed], in_hand("a")) == Evict((web,))
    assert decide([replace(closed, pods=closed.pods[1:])], in_hand("a")) == Recreate(("a",))


def test_a_node_that_is_on_its_way_keeps_the_next_one_where_it_is() -> None:
    coming = Member(name="a", fresh=True, action="RECREATING", gpus_expected=1)
    waits = decide([coming, member("b")])
    assert isinstance(waits, Wait) and "node a is on its way" in waits.reason
    without_gpus = member("a", fresh=True, node=node("a", gpus=0))
    assert isinstance(decide([without_gpus, member("b")]), Wait)
    assert isinstance(decide([member("a", fresh=True), member("b")]), Decide)


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (pod("mine", "a", owner=""), "has no controller"),
        (pod("mine", "a", safe="false"), "forbids its eviction"),
        (pod("mine", "a"), "disruption budget"),
        (pod("mine", "a", deleting=True), "still leaving"),
    ],
)
def test_a_pod_that_stays_too_long_is_named_when_the_target_is_given_up(held: Pod, says: str) -> None:
    closed = member("a", pods=(held,), node=node("a", cordoned_for="dev-42"))
    early = decide([closed], in_hand("a", at=900.0))
    assert isinstance(early, Evict if says == "disruption budget" else Wait)
    late = decide([closed], in_hand("a", at=399.0))
    assert isinstance(late, GiveUp) and "default/mine" in late.reason and says in late.reason


def test_a_pod_has_its_time_from_when_it_was_asked_to_leave() -> None:
    """However long everything took before, in bad weather."""
    web = pod("web", "a")
    closed = member("a", pods=(web,), node=node("a", cordoned_for="dev-42"))
    memory = Memory(drains=(Since("a", 1.0, 1),), taken=1)
    step = decide([closed], memory, now=5000.0)
    assert step == Evict((web,))
    memory = asked(memory, step, now=5000.0)
    memory = asked(memory, step, now=5300.0)
    assert decide([closed], memory, now=5600.0) == Evict((web,))
    assert isinstance(decide([closed], memory, now=5601.0), GiveUp)


def test_pods_beside_one_that_must_not_be_evicted_are_left_in_peace() -> None:
    pods = (pod("bare", "a", owner=""), pod("web", "a"))
    assert isinstance(decide([member("a", pods=pods, node=node("a", cordoned_for="dev-42"))], in_hand("a")), Wait)


def test_a_node_that_serves_stays_while_others_of_the_group_do_not() -> None:
    closed = member("a", fresh=True, node=node("a", cordoned_for="somebody"))
    waits = decide([closed, member("b")])
    assert isinstance(waits, Wait) and "others of the group do not serve" in waits.reason
    step = decide([closed, member("b", node=node("b", ready=False))])
    assert isinstance(step, Decide), "one that does not serve anyway may go"


def test_a_node_without_obstacles_goes_before_one_that_a_pod_holds() -> None:
    held = member("a", pods=(pod("bare", "a", owner=""),))
    step = decide([held, member("b", pods=(pod("web", "b"),))])
    assert isinstance(step, Decide) and [each.name for each in step.memory.drains] == ["b"]


def test_a_node_that_somebody_else_cordoned_is_not_touched_and_named_in_the_end() -> None:
    theirs = member("a", node=node("a", cordoned_for="chat"))
    assert isinstance(decide([theirs], in_hand("a")), Wait)
    late = decide([theirs], in_hand("a", at=1.0))
    assert isinstance(late, GiveUp) and "chat has cordoned it" in late.reason


def test_a_surge_node_is_named_asked_for_and_serves_before_an_old_one_is_closed() -> None:
    rules = replace(RULES, max_surge=1)
    old = member("a")
    named = decide([old], rules=rules)
    assert isinstance(named, Decide) and not named.memory.drains
    (extra,) = named.memory.surge
    assert decide([old], named.memory, rules=rules) == Surge((extra.name,))
    assert isinstance(
        decide([old, Member(name=extra.name, fresh=True, action="CREATING")], named.memory, rules=rules), Wait
    )
    taken = decide([old, member(extra.name, fresh=True)], named.memory, rules=rules)
    assert isinstance(taken, Decide) and [each.name for each in taken.memory.drains] == ["a"]
    closed = member("a", node=node("a", cordoned_for="dev-42"))
    assert decide([closed, member(extra.name, fresh=True)], taken.memory, rules=rules) == Delete(("a",))
    assert isinstance(decide([member(extra.name, fresh=True)], taken.memory, rules=rules), Done)


def test_where_no_surge_node_is_to_be_had_nodes_are_replaced_without() -> None:
    rules = replace(RULES, max_surge=1)
    lost = Memory(surge=(Since("gke-l4-0000", 900.0),), named=1)
    step = decide([member("a"), member("b")], lost, rules=rules)
    assert isinstance(step, Decide) and step.memory.dry == 1000.0
    assert [each.name for each in step.memory.drains] == ["a"] and not step.memory.surge
    later = decide([member("a")], Memory(dry=10.0, named=1), rules=rules)
    assert isinstance(later, Decide) and later.memory.surge and not later.memory.drains, "it is tried again"


def test_a_surge_node_that_nothing_needs_any_more_goes_again() -> None:
    rules = replace(RULES, max_surge=1)
    memory = Memory(surge=(Since("extra", 900.0),), named=1)
    fleet = [member("a", fresh=True), member("extra", fresh=True)]
    step = decide(fleet, memory, rules=rules)
    assert isinstance(step, Decide) and [each.name for each in step.memory.drains] == ["extra"]
    closed = [fleet[0], replace(fleet[1], node=node("extra", cordoned_for="dev-42"))]
    assert decide(closed, step.memory, rules=rules) == Delete(("extra",))


def test_going_back_deletes_a_bad_surge_node_and_opens_what_was_in_hand() -> None:
    rules = replace(RULES, max_surge=1, max_unavailable=0)
    memory = Memory(surge=(Since("extra", 900.0),), drains=(Since("a", 950.0, 1),), named=1)
    stock = member("a", fresh=True, node=node("a", cordoned_for="dev-42"))
    bad = member("extra", node=node("extra", ready=False))
    assert decide([stock, bad], memory, rules=rules) == Open("a")
    step = decide([member("a", fresh=True), bad], memory, rules=rules)
    assert isinstance(step, Decide) and [each.name for each in step.memory.drains] == ["extra"]
    closed = replace(bad, node=node("extra", ready=False, cordoned_for="dev-42"))
    assert decide([member("a", fresh=True), closed], step.memory, rules=rules) == Delete(("extra",))


def test_a_new_node_that_never_serves_gives_the_target_up_unless_there_is_no_room() -> None:
    broken = member("a", fresh=True, node=node("a", ready=False))
    memory = Memory(coming=(Since("a", 50.0),))
    step = decide([broken, member("b")], memory)
    assert isinstance(step, GiveUp) and "node a" in step.reason
    dry = Member(
        name="a", fresh=True, action="RECREATING", errors=("ZONE_RESOURCE_POOL_EXHAUSTED: no L4",), gpus_expected=1
    )
    waits = decide([dry, member("b")], memory)
    assert isinstance(waits, Wait) and "ZONE_RESOURCE_POOL_EXHAUSTED" in waits.reason


def test_a_node_cordoned_in_our_name_is_in_hand_whatever_the_document_lost() -> None:
    forgotten = member("a", node=node("a", cordoned_for="dev-42"))
    assert decide([forgotten, member("b")]) == Recreate(("a",))
    assert decide([replace(forgotten, fresh=True)]) == Open("a")


def test_a_node_whose_vm_is_being_made_anew_is_not_opened_for_pods_that_would_die_with_it() -> None:
    dying = member("a", fresh=True, action="RECREATING", node=node("a", cordoned_for="dev-42"))
    for rules in (RULES, replace(RULES, stop="the rollout was aborted")):
        assert isinstance(decide([dying], in_hand("a"), rules=rules), Wait), "nor is it forgotten"
        assert decide([replace(dying, action="NONE")], in_hand("a"), rules=rules) == Open("a")
    assert [each.name for each in caught_up(in_hand("a"), [dying], holder="dev-42", now=1.0).drains] == ["a"]


def test_a_node_that_people_suspended_is_left_to_them_and_holds_up_nobody() -> None:
    theirs = member("a", suspended=True, node=node("a", cordoned_for="state/a"))
    begun = decide([theirs, member("b")])
    assert isinstance(begun, Decide) and [each.name for each in begun.memory.drains] == ["b"], "it is not unavailable"
    done = decide([theirs, member("b", fresh=True)])
    assert isinstance(done, Done) and "but a, which people suspended" in done.reason
    broken = member("b", fresh=True, suspended=True, node=node("b", ready=False))
    assert isinstance(decide([member("c", fresh=True), broken]), Done), "nor does a new one that does not serve"


def test_a_node_in_hand_that_people_suspend_is_let_go() -> None:
    theirs = member("a", suspended=True, node=node("a", cordoned_for="dev-42"))
    assert decide([theirs], in_hand("a")) == Open("a")
    opened = replace(theirs, node=node("a"))
    assert isinstance(decide([opened], in_hand("a")), Done)
    assert not caught_up(in_hand("a"), [opened], holder="dev-42", now=1.0).drains


def test_in_a_suspended_cluster_what_is_in_hand_is_gone_on_with_and_nothing_is_begun() -> None:
    rules = replace(RULES, held="the cluster is suspended", max_unavailable=2)
    empty = member("a", forbidden=rules.held, node=node("a", cordoned_for="dev-42"))
    other = member("b", forbidden=rules.held)
    assert decide([empty, other], in_hand("a"), rules=rules) == Recreate(("a",))
    waits = decide([member("a", fresh=True), other], rules=rules)
    assert isinstance(waits, Wait) and "1 old nodes wait: the cluster is suspended" in waits.reason
    surging = decide([other], rules=replace(rules, max_surge=1, max_unavailable=0))
    assert isinstance(surging, Wait), "nor is a surge node named"
    allowed = decide([other, member("c")], rules=rules)
    assert isinstance(allowed, Decide) and [each.name for each in allowed.memory.drains] == ["c"], "its own word wins"


def test_a_group_that_replaces_its_nodes_itself_is_only_watched() -> None:
    rules = replace(RULES, left_to_group=True)
    assert isinstance(decide([member("a"), member("b", fresh=True)], rules=rules), Wait)
    assert isinstance(decide([member("a", fresh=True)], rules=rules), Done)


@pytest.mark.parametrize(
    ("phase", "state", "todo"),
    [
        ("mutating", "mutated", "replace"),
        ("rolling back", "mutated", "roll back"),
        ("rolling back", "stuck", "replace"),
        ("rolling back", "rolled back", "replace"),
        ("aborted", "mutated", "replace"),
        ("superseded", "mutated", "replace"),
        ("failed", "failed", "replace"),
    ],
)
def test_wherever_a_rollout_goes_a_node_in_hand_is_not_forgotten(phase: Phase, state: TargetState, todo: str) -> None:
    target = Target(group="g", pool="p", state=state, memory={"drains": [{"name": "n", "at": 1.0}]})
    policy = Policy(
        bake_seconds=1, node_ready_seconds=1, canary_node=False, roll_back_on_failure=True, node_policy="replace"
    )
    made = Rollout(
        id="dev-42", environment="dev", run_id=42, image="i", phase=phase, policy=policy,
        waves=(Wave(name="canary", targets=(target,), began=1),),
    )  # fmt: skip
    assert made.left_to_do(target) == todo
    found = msgspec.structs.replace(target, found=True)
    assert made.left_to_do(found) == ("replace" if todo == "roll back" else todo), "also where nothing goes back"
