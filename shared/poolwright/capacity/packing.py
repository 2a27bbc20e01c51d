"""Whole pods on nodes: a pod's GPUs are all on one node."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Pods = Mapping[tuple[int, frozenset[str]], int]
"""How many pods ask for so many GPUs, on a node of these groups; of any group where there are none."""

Room = Mapping[tuple[int, bool, str], int]
"""How many nodes have so many GPUs free; whether all of the node's are (an empty node); in which group."""


@dataclass(frozen=True)
class Placed:
    """Where pods would go: nodes `added`, by group, and empty nodes that they `fill`, wholly or in part."""

    added: Mapping[str, int]
    filled: int


def place(pods: Pods, room: Room, offers: Iterable[tuple[str, int]]) -> Placed:
    """Best fit, the biggest pods first, into the room that there is; and what is left over into new nodes of the first
    group that would take it. `offers`: groups that may grow, the preferred first, and the GPUs of a new node of each.
    Pods that fit nowhere are left out.

    Takes time by the number of different sizes, not of pods: nodes with as many GPUs free are filled alike.
    """
    left, there = Counter(room), list(offers)
    filled, over = 0, defaultdict[str, Counter[int]](Counter)
    for (gpus, groups), count in sorted(pods.items(), key=_biggest_first):
        taken, waiting = _into(left, gpus, groups, count)
        filled += taken
        taker = next((name for name, most in there if gpus <= most and (not groups or name in groups)), None)
        if waiting and taker is not None:
            over[taker][gpus] += waiting
    return Placed(added={name: _new_nodes(over[name], most) for name, most in there if name in over}, filled=filled)


def _new_nodes(pods: Counter[int], gpus_per_node: int) -> int:
    """How many nodes it takes for pods of so many GPUs."""
    left, nodes = Counter[tuple[int, bool, str]](), 0
    for gpus, count in sorted(pods.items(), reverse=True):
        _, waiting = _into(left, gpus, frozenset(), count)
        more = -(-waiting // (gpus_per_node // gpus))
        left[gpus_per_node, True, ""] += more
        nodes += more
        _into(left, gpus, frozenset(), waiting)
    return nodes


def _into(left: Counter[tuple[int, bool, str]], gpus: int, groups: frozenset[str], waiting: int) -> tuple[int, int]:
    """Put pods of so many GPUs on nodes that are left, the tightest first: how many empty nodes that takes, and how
    many pods still wait."""
    filled = 0
    fitting = sorted(
        size for size, there in left.items() if there and size[0] >= gpus and (not groups or size[2] in groups)
    )
    for free, empty, group in fitting:
        each = free // gpus
        full = min(left[free, empty, group], waiting // each)
        part = waiting - full * each if full < left[free, empty, group] else 0
        left[free, empty, group] -= full + bool(part)
        left[free - each * gpus, False, group] += full
        left[free - part * gpus, False, group] += bool(part)
        waiting -= full * each + part
        filled += (full + bool(part)) * empty
    return filled, waiting


def _biggest_first(pods: tuple[tuple[int, frozenset[str]], int]) -> tuple[int, bool, int, list[str]]:
    """Of the same size those first that have the least choice."""
    (gpus, groups), _ = pods
    return -gpus, not groups, len(groups), sorted(groups)
