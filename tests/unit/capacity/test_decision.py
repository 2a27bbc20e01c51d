"""What a provisioner decides, by example: one line a case, and the words that a person reads at 3 a.m."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from poolwright.capacity.decision import Decision, Grow, Hold, Shrink
from poolwright.capacity.observation import Observation
from poolwright.capacity.provisioner import Cooldowns, Floor, Spec
from tests.unit.capacity.fleets import NAMES, NOW, decided, fleet, node

SPEC = Spec(
    existing_instance_group_names=NAMES,
    min_gpu_utilization_percent=30,
    max_gpu_utilization_percent=80,
    max_nodes=6,
    cooldowns=Cooldowns(scale_down_seconds=300),
)
PODS_ONLY = msgspec.structs.replace(SPEC, min_gpu_utilization_percent=None, max_gpu_utilization_percent=None)

BUSY = node("busy", 2, duty=90)
FAIR = node("fair", 2, duty=50)
CALM = node("calm", 1, duty=10)
IDLE = node("idle", duty=0)


def spec(**changes: Any) -> Spec:
    return msgspec.structs.replace(SPEC, **changes)


def shown(decision: Decision) -> str:
    """`+2 a`, `-idle`, `=`."""
    if isinstance(decision, Grow):
        return f"+{decision.count} {decision.group}"
    if isinstance(decision, Shrink):
        return " ".join(f"-{each.name}" for each in decision.nodes)
    return "="


@pytest.mark.parametrize(
    ("what", "rules", "seen", "answer", "words"),
    [
        # Demand.
        ("busy GPUs get company", SPEC, fleet(BUSY), "+1 a", "GPU utilization is 90 %, above maxGPUUtilizationPercent"),
        ("what is on its way is not bought twice", SPEC, fleet(BUSY, a=1), "=", "1 node on the way"),
        ("on its way in another group counts too", SPEC, fleet(BUSY, b=1), "=", "1 node on the way, 1 in b"),
        (
            "what is unknown counts as idle",
            SPEC,
            fleet(BUSY, node("dark", 2, duty=None)),
            "=",
            "no fresh GPU utilization",
        ),
        (
            "busy for certain, though not all is known",
            spec(max_nodes=9),
            fleet(BUSY, *(node(f"b{n}", 2, duty=100) for n in range(4)), node("dark", 2, duty=None)),
            "+1 a",
            "GPU utilization is at least 82 %",
        ),
        ("waiting pods get what they need", PODS_ONLY, fleet(FAIR, pending=(2, 2, 1)), "+3 a", "3 pods for 5 GPUs"),
        ("free GPUs are used first", PODS_ONLY, fleet(CALM, pending=(1, 2)), "+1 a", "beside what is free take 1 node"),
        (
            "a pod is on one node whole",
            PODS_ONLY,
            fleet(CALM, node("other", 1), pending=(2,)),
            "+1 a",
            "1 pod for 2 GPUs",
        ),
        ("a pod waits for what comes", PODS_ONLY, fleet(FAIR, pending=(2,), b=1), "=", "1 node on the way"),
        (
            "a pod that no node takes buys none",
            PODS_ONLY,
            fleet(FAIR, pending=(4,)),
            "=",
            "1 pod for 4 GPUs, whom another node would not help",
        ),
        (
            "the buffer is kept",
            spec(min_unutilized_gpu_nodes=2),
            fleet(FAIR, IDLE),
            "+1 a",
            "1 node idle or on the way",
        ),
        (
            "the buffer is for what comes after the pods that wait",
            spec(min_unutilized_gpu_nodes=1),
            fleet(FAIR, IDLE, pending=(2,)),
            "+1 a",
            "once waiting pods are placed",
        ),
        # Bounds.
        ("minNodes", spec(min_nodes=3), fleet(FAIR), "+2 a", "minNodes is 3"),
        ("no more than maxNodes", spec(max_nodes=3), fleet(FAIR, pending=(2,) * 9), "+2 a", "but maxNodes is 3"),
        ("at maxNodes", spec(max_nodes=1), fleet(BUSY), "=", "above maxGPUUtilizationPercent 80, but maxNodes is 1"),
        (
            "above maxNodes idle ones go",
            spec(max_nodes=1),
            fleet(FAIR, IDLE),
            "-idle",
            "there are 2 nodes, maxNodes is 1",
        ),
        (
            "above maxNodes the buffer goes too",
            spec(max_nodes=1, min_unutilized_gpu_nodes=1),
            fleet(FAIR, IDLE),
            "-idle",
            "there are 2 nodes",
        ),
        ("never below minNodes", spec(min_nodes=2), fleet(CALM, IDLE), "=", "but minNodes is 2"),
        (
            "what is cordoned has as good as gone",
            spec(min_nodes=2),
            fleet(IDLE, CALM, node("leaving", cordoned=True)),
            "=",
            "but minNodes is 2",
        ),
        # Less load.
        ("a needless idle node goes", SPEC, fleet(CALM, IDLE), "-idle", "below minGPUUtilizationPercent 30"),
        ("within the band nothing happens", SPEC, fleet(FAIR, FAIR), "=", "GPU utilization is 50 %"),
        (
            "not if the others were too busy then",
            SPEC,
            fleet(node("one", 2, duty=58), IDLE),
            "=",
            "but 1 node would be busier than 55 %, the middle of the band",
        ),
        ("the last one goes if it does nothing", SPEC, fleet(IDLE), "-idle", "GPU utilization is 0 %"),
        (
            "not into the buffer",
            spec(min_unutilized_gpu_nodes=1),
            fleet(CALM, IDLE),
            "=",
            "idle: minUnutilizedGPUNodes is 1",
        ),
        ("not while a pod waits", SPEC, fleet(CALM, IDLE, pending=(1,)), "=", "nothing goes while pods wait"),
        ("not while something is unknown", SPEC, fleet(CALM, node("dark", duty=None)), "=", "GPU utilization of dark;"),
        (
            "not a node with a pod that forbids it",
            SPEC,
            fleet(CALM, node("idle", duty=0, objection="pod default/train forbids its eviction")),
            "-calm",
            "the GPU pods of calm fit elsewhere",
        ),
        (
            "whose pods would find no room stays",
            SPEC,
            fleet(node("one", 2, duty=10), node("two", 1, duty=10)),
            "=",
            "one: its GPU pods may not find room elsewhere; two: its GPU pods may not find room elsewhere",
        ),
    ],
)
def test_decisions(what: str, rules: Spec, seen: Observation, answer: str, words: str) -> None:
    decision = decided(rules, seen)
    assert shown(decision) == answer, f"{what}: {decision.reason}"
    assert words in decision.reason, what
    assert decision.would_change_if, what


def test_it_says_what_would_change_its_mind() -> None:
    assert decided(SPEC, fleet(FAIR)).would_change_if == (
        "GPU utilization falls below 30 %, or a pod waits for GPUs, or GPU utilization rises above 80 %"
    )
    assert decided(spec(max_nodes=1), fleet(BUSY)).would_change_if == (
        "GPU utilization falls to 80 % or below, or maxNodes is raised"
    )
    assert decided(SPEC, fleet(CALM, IDLE)).would_change_if == (
        "GPU utilization rises to 30 % or above, or they get work"
    )


def test_a_cooldown_holds_what_would_be_done() -> None:
    patient = spec(cooldowns=Cooldowns(scale_up_seconds=60, scale_down_seconds=300))
    until = "the cooldown lasts until 2027-01-15 08:0"
    cases: tuple[tuple[dict[str, Any], Observation, str], ...] = (
        ({"grown_at": NOW - 59}, fleet(BUSY), f"{until}0:01 UTC"),
        ({"grown_at": NOW - 60}, fleet(BUSY), ""),
        ({"shrunk_at": NOW - 1}, fleet(BUSY), ""),
        ({"grown_at": NOW - 299}, fleet(CALM, IDLE), f"{until}0:01 UTC"),
        ({"shrunk_at": NOW - 299}, fleet(CALM, IDLE), f"{until}0:01 UTC"),
        ({"grown_at": NOW - 300, "shrunk_at": NOW - 300}, fleet(CALM, IDLE), ""),
    )
    for times, demand, answer in cases:
        decision = decided(patient, demand, **times)
        assert isinstance(decision, Hold) == bool(answer), (times, decision)
        assert answer in decision.reason


def test_a_schedule_is_a_floor_while_it_is_open() -> None:
    night = Floor(begins="20:00", ends="08:00", time_zone="Europe/Berlin", min_nodes=4)
    day = Floor(begins="08:00", ends="20:00", time_zone="Europe/Berlin", min_nodes=2)
    rules = spec(schedule=(night, day))  # NOW is 09:00 in Berlin
    assert shown(decided(rules, fleet(FAIR))) == "+1 a"
    assert decided(rules, fleet(FAIR)).reason == "the schedule wants 2 nodes from 08:00 until 20:00 Europe/Berlin"
    assert shown(decided(rules, fleet(FAIR), now=NOW - 3601)) == "+3 a"
    assert shown(decided(rules, fleet(CALM, IDLE))) == "="
    assert shown(decided(spec(schedule=(day,)), fleet(CALM, IDLE), now=NOW - 3601)) == "-idle"


def test_a_schedule_keeps_to_the_clock_on_the_wall_when_summer_begins() -> None:
    office = spec(schedule=(Floor(begins="08:00", ends="18:00", time_zone="Europe/Berlin", min_nodes=2),))
    saturday, sunday = 1806130800.0, 1806213600.0  # 2027-03-27 08:00 in Berlin, an hour to UTC; the 28th, two hours
    for opens in (saturday, sunday):
        assert shown(decided(office, fleet(FAIR), now=opens)) == "+1 a"
        assert shown(decided(office, fleet(FAIR), now=opens - 1)) == "="


def test_a_schedule_does_not_pass_the_upper_bound() -> None:
    rules = spec(max_nodes=2, schedule=(Floor(min_nodes=5),))
    assert shown(decided(rules, fleet(FAIR))) == "+1 a"
    assert shown(decided(rules, fleet(FAIR, IDLE))) == "="
    assert shown(decided(rules, fleet(FAIR, IDLE, node("third", duty=0)))) == "-idle"


def test_a_suspended_node_serves_nothing_is_not_chosen_and_counts() -> None:
    resting = node("resting", cordoned=True, suspended=True, duty=0)
    assert shown(decided(spec(min_nodes=2), fleet(FAIR, resting))) == "="
    assert shown(decided(spec(max_nodes=2), fleet(BUSY, resting))) == "="
    assert shown(decided(SPEC, fleet(CALM, IDLE, resting))) == "-idle"
    assert shown(decided(SPEC, fleet(resting, pending=(2,)))) == "+1 a"


def test_no_maximum_at_all_is_no_division_by_nothing() -> None:
    rules = spec(min_gpu_utilization_percent=None, max_gpu_utilization_percent=0)
    assert shown(decided(rules, fleet(CALM))) == "+5 a"
    assert shown(decided(rules, fleet(IDLE))) == "="
