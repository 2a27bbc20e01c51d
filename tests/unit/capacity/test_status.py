"""What people see of a provisioner, by example and by law."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from poolwright.capacity import status
from poolwright.capacity.decision import Decision, Grow, Hold, Shrink
from poolwright.capacity.observation import GpuNode, Group, Observation

NOW = 1_800_000_000.0
HOLD = Hold(target=3, reason="GPU utilization is 47 %, within its band", would_change_if="it rises above 80 %")
GROW = Grow(group="a", count=2, target=5, reason="4 GPUs are asked for", would_change_if="the pods go")


def node(name: str, *, used: int = 1, duty: float | None = 46.6, ready: bool = True) -> GpuNode:
    return GpuNode(name=name, group="a", gpus=2, used=used, ready=ready, duty_cycle=duty)


def sight(*nodes: GpuNode, **changes: Any) -> Observation:
    groups = (Group(name="a", members=3, on_the_way=1), Group(name="b", members=1, refusal="dry until 12:00"))
    fields = {"nodes": nodes, "groups": groups, "pending": (2, 1), "gpus_per_node": 2, **changes}
    return Observation(**fields)


def built(
    seen: Observation | None = None, decision: Decision | None = HOLD, now: float = NOW, **changes: Any
) -> dict[str, Any]:
    given_ = {"generation": 4, "mode": "act", "state": "Running", "previous": {}, **changes}
    return status.build(seen=seen, decision=decision, now=now, **given_)


def condition(made: dict[str, Any], kind: str = "Ready") -> dict[str, Any]:
    (found,) = (each for each in made["conditions"] if each["type"] == kind)
    return dict(found)


def test_it_counts_what_is_there_what_comes_and_what_is_asked_for() -> None:
    made = built(sight(node("n1"), node("n2", used=0), node("n3", ready=False)), dry={"b": NOW + 60, "a": NOW - 60})
    assert made["observed"] == {
        "nodes": 4,
        "ready": 2,
        "onTheWay": 1,
        "idleNodes": 1,
        "gpus": 4,
        "gpusUsed": 1,
        "pendingGPUs": 3,
        "gpuUtilizationPercent": 47,
    }
    assert made["groups"] == [
        {"name": "a", "members": 3, "onTheWay": 1},
        {
            "name": "b",
            "members": 1,
            "onTheWay": 0,
            "refusal": "dry until 12:00",
            "stockedOutUntil": "2027-01-15T08:01:00Z",
        },
    ]
    assert made["lastDecision"] == {
        "action": "Hold",
        "target": 3,
        "reason": HOLD.reason,
        "wouldChangeIf": HOLD.would_change_if,
        "time": "2027-01-15T08:00:00Z",
    }


def test_utilization_that_is_unknown_is_absent_and_what_could_not_be_read_is_said() -> None:
    made = built(sight(node("n1", duty=None), unknown=("members of b: timeout",)))
    assert "gpuUtilizationPercent" not in made["observed"]
    assert made["observed"]["unknown"] == ["members of b: timeout"]
    assert (condition(made, "Observed")["status"], condition(made, "Observed")["message"]) == (
        "False",
        "members of b: timeout",
    )


def test_ready_says_in_a_word_what_is_done() -> None:
    fleet = sight(node("n1"))
    shrink = Shrink(nodes=(node("n1"),), target=2, reason="idle", would_change_if="")
    words = {
        condition(made)["reason"]: condition(made)["status"]
        for made in (
            built(fleet, HOLD),
            built(fleet, GROW),
            built(fleet, shrink),
            built(fleet, None, at_work="n1 is drained"),
            built(None, None, refusal="no group x; correct it"),
            built(None, None, refusal="two masters; turn one off", refusal_reason="SecondMaster"),
            built(fleet, None, suspended="STATE is DrainAndSuspend"),
        )
    }
    assert words == {
        "Holding": "True",
        "Growing": "True",
        "Shrinking": "True",
        "Working": "True",
        "Refused": "False",
        "SecondMaster": "False",
        "Suspended": "False",
    }


def test_notes_stand_beside_the_reason() -> None:
    made = built(sight(node("n1")), HOLD, notes=("Pool l4 has no label.",))
    assert condition(made)["message"] == f"{HOLD.reason} Pool l4 has no label."


def test_a_refusal_keeps_the_last_decision_and_forgets_what_was_seen() -> None:
    before = built(sight(node("n1")), GROW)
    after = built(None, None, refusal="no group a; correct it", previous=before, now=NOW + 60)
    assert after["lastDecision"] == before["lastDecision"]
    change = status.patch(before, after)
    assert change["observed"] is None
    assert change["groups"] is None
    assert "lastDecision" not in change


def test_a_new_generation_is_written_though_nothing_else_is_new() -> None:
    before = built(sight(node("n1")))
    assert status.patch(before, built(sight(node("n1")), generation=5, previous=before))["observedGeneration"] == 5


SIGHTS = st.none() | st.builds(
    lambda cycles, unknown: sight(*(node(f"n{i}", duty=each) for i, each in enumerate(cycles)), unknown=unknown),
    st.lists(st.none() | st.floats(0, 100), max_size=3),
    st.sampled_from([(), ("Monitoring: timeout",)]),
)
DECISIONS = st.none() | st.sampled_from([HOLD, GROW])
STATUSES: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    seen=SIGHTS,
    decision=DECISIONS,
    refusal=st.sampled_from(["", "", "no such group"]),
    suspended=st.sampled_from(["", "", "STATE is DrainAndSuspend"]),
    mode=st.sampled_from(["observe", "act"]),
)
LIVES = st.lists(st.tuples(STATUSES, st.integers(1, 10_000)), min_size=1, max_size=6)


def merged(old: Any, change: Any) -> Any:
    """RFC 7396, as it is written there."""
    if not isinstance(change, dict):
        return change
    old = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            old.pop(key, None)
        else:
            old[key] = merged(old.get(key), value)
    return old


@given(LIVES)
def test_the_patch_makes_what_was_built_and_the_same_sight_again_writes_nothing(life: list[Any]) -> None:
    stored: dict[str, Any] = {}
    now = NOW
    for fields, passed in life:
        now += passed
        made = built(now=now, previous=copy.deepcopy(stored), **fields)
        change = status.patch(stored, made)
        if change:
            stored = merged(stored, change)
            assert stored == made
        again = built(now=now + 1, previous=copy.deepcopy(stored), **fields)
        assert status.patch(stored, again) == {}


@given(LIVES)
def test_the_transition_time_moves_only_and_always_when_the_status_flips(life: list[Any]) -> None:
    stored: dict[str, Any] = {}
    since, now = "", NOW
    for fields, passed in life:
        now += passed
        made = built(now=now, previous=stored, **fields)
        before, after = [each for each in stored.get("conditions", []) if each["type"] == "Ready"], condition(made)
        if before and before[0]["status"] == after["status"]:
            assert after["lastTransitionTime"] == since
        else:
            assert after["lastTransitionTime"] > since
        since, stored = after["lastTransitionTime"], made
