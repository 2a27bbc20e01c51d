"""Whole pods on nodes: a pod's GPUs are all on one node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Placed:
    """Where pods would go: nodes `added`, and empty nodes that they `fill`, wholly or in part."""

    added: int
    filled: int


def place(pods: Iterable[int], room: Mapping[tuple[int, bool], int], gpus_per_node: int) -> Placed:
    """Best fit, the biggest pods first. `pods`: the GPUs of each; `room`: how many nodes have (GPUs free, is empty);
    `gpus_per_node`: those of a node that may be added. Pods that fit nowhere are left out.

    Takes time by the number of different sizes, not of pods: nodes with as many GPUs free are filled alike.
    """
    left = Counter(room)
    added = filled = 0
    for gpus, count in sorted(Counter(pods).items(), reverse=True):
        waiting = count
        while waiting:
            best = min((size for size, there in left.items() if there and size[0] >= gpus), default=None)
            if best is None:
                if gpus > gpus_per_node:
                    break
                needed = -(-waiting // (gpus_per_node // gpus))
                added += needed
                best = (gpus_per_node, False)
                left[best] += needed
            taken, waiting = _fill(left, best, gpus, waiting)
            filled += taken if best[1] else 0
    return Placed(added=added, filled=filled)


def _fill(left: Counter[tuple[int, bool]], size: tuple[int, bool], gpus: int, waiting: int) -> tuple[int, int]:
    """Put pods of so many GPUs on the nodes of this size; how many nodes that takes, and how many pods still wait."""
    each = size[0] // gpus
    full = min(left[size], waiting // each)
    left[size] -= full
    left[size[0] - each * gpus, False] += full
    waiting -= full * each
    if 0 < waiting < each and left[size]:
        left[size] -= 1
        left[size[0] - waiting * gpus, False] += 1
        return full + 1, 0
    return full, waiting
