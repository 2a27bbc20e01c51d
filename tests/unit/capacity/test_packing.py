"""Whole pods on nodes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.capacity.policies.packing import Placed, place

SIZE = 8
PODS = st.lists(st.integers(1, SIZE), max_size=9)
ROOM = st.dictionaries(
    st.tuples(st.integers(1, SIZE - 1), st.just(False)) | st.just((SIZE, True)), st.integers(1, 3), max_size=4
)


@pytest.mark.parametrize(
    ("pods", "room", "placed"),
    [
        ((), {}, Placed(added=0, filled=0)),
        ((8,), {}, Placed(added=1, filled=0)),
        ((4, 4, 1), {}, Placed(added=2, filled=0)),
        ((5, 4), {(4, False): 1}, Placed(added=1, filled=0)),
        ((5,), {(4, False): 2}, Placed(added=1, filled=0)),
        ((2,), {(2, False): 1, (8, True): 1}, Placed(added=0, filled=0)),
        ((3, 3, 3), {(8, True): 2}, Placed(added=0, filled=2)),
        ((9, 1), {}, Placed(added=1, filled=0)),
        ((9,), {(16, True): 1}, Placed(added=0, filled=1)),
        ((1,) * 50_000, {(8, True): 5_000}, Placed(added=1_250, filled=5_000)),
    ],
)
def test_examples(pods: tuple[int, ...], room: dict[tuple[int, bool], int], placed: Placed) -> None:
    assert place(pods, room, SIZE) == placed


@given(PODS, ROOM)
def test_it_is_best_fit_pod_by_pod(pods: list[int], room: dict[tuple[int, bool], int]) -> None:
    assert place(pods, room, SIZE) == _one_by_one(pods, room)


@given(PODS, ROOM, st.integers(1, SIZE))
def test_a_pod_more_never_takes_fewer_nodes(pods: list[int], room: dict[tuple[int, bool], int], more: int) -> None:
    fewer, those = place(pods, room, SIZE), place([*pods, more], room, SIZE)
    assert those.added >= fewer.added
    assert those.added + those.filled >= fewer.added + fewer.filled


@given(PODS, ROOM)
def test_no_more_nodes_than_pods_and_no_fewer_than_their_gpus(
    pods: list[int], room: dict[tuple[int, bool], int]
) -> None:
    placed = place(pods, room, SIZE)
    free = sum(gpus * count for (gpus, _), count in room.items())
    assert (sum(pods) - free) / SIZE <= placed.added <= len(pods)


def _one_by_one(pods: list[int], room: dict[tuple[int, bool], int]) -> Placed:
    nodes = [list(size) for size in Counter(room).elements()]
    added = filled = 0
    for gpus in sorted(pods, reverse=True):
        fitting = [node for node in nodes if node[0] >= gpus]
        if not fitting:
            added += 1
            fitting = [[SIZE, False]]
            nodes.append(fitting[0])
        best = min(fitting)
        filled += best[1]
        best[:] = [best[0] - gpus, False]
    return Placed(added=added, filled=filled)
