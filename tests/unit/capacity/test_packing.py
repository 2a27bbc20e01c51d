"""Whole pods on nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.capacity.packing import Placed, Pods, Room, place

SIZE = 8
ANY = frozenset[str]()
B = frozenset({"b"})
OFFERS = (("a", SIZE), ("b", SIZE))
PODS = st.lists(st.integers(1, SIZE), max_size=9)
ROOM = st.dictionaries(
    st.tuples(st.integers(1, SIZE - 1), st.just(False)) | st.just((SIZE, True)), st.integers(1, 3), max_size=4
)


def placed(pods: Iterable[int], room: dict[tuple[int, bool], int]) -> tuple[int, int]:
    """Nodes added and empty nodes filled, by pods that any group serves."""
    where = place(
        Counter((gpus, ANY) for gpus in pods),
        {(free, empty, ""): count for (free, empty), count in room.items()},
        OFFERS,
    )
    assert set(where.added) <= {"a"}
    return where.added.get("a", 0), where.filled


@pytest.mark.parametrize(
    ("pods", "room", "added", "filled"),
    [
        ((), {}, 0, 0),
        ((8,), {}, 1, 0),
        ((4, 4, 1), {}, 2, 0),
        ((5, 4), {(4, False): 1}, 1, 0),
        ((5,), {(4, False): 2}, 1, 0),
        ((2,), {(2, False): 1, (8, True): 1}, 0, 0),
        ((3, 3, 3), {(8, True): 2}, 0, 2),
        ((9, 1), {}, 1, 0),
        ((9,), {(16, True): 1}, 0, 1),
        ((1,) * 50_000, {(8, True): 5_000}, 1_250, 5_000),
    ],
)
def test_examples(pods: tuple[int, ...], room: dict[tuple[int, bool], int], added: int, filled: int) -> None:
    assert placed(pods, room) == (added, filled)


@pytest.mark.parametrize(
    ("pods", "room", "where"),
    [
        ({(8, B): 2, (1, ANY): 1}, {}, Placed(added={"a": 1, "b": 2}, filled=0)),
        ({(1, B): 1, (1, ANY): 1}, {(1, False, "b"): 1}, Placed(added={"a": 1}, filled=0)),
        ({(2, B): 1}, {(8, True, "a"): 1}, Placed(added={"b": 1}, filled=0)),
        ({(2, frozenset({"c"})): 1}, {(8, True, "a"): 1}, Placed(added={}, filled=0)),
        ({(2, B): 1, (2, ANY): 1}, {(8, True, "b"): 1}, Placed(added={}, filled=1)),
    ],
)
def test_some_pods_are_served_by_some_groups_only(pods: Pods, room: Room, where: Placed) -> None:
    assert place(pods, room, OFFERS) == where


@given(PODS, ROOM)
def test_it_is_best_fit_pod_by_pod(pods: list[int], room: dict[tuple[int, bool], int]) -> None:
    assert placed(pods, room) == _one_by_one(pods, room)


@given(PODS, ROOM, st.integers(1, SIZE))
def test_a_pod_more_never_takes_fewer_nodes(pods: list[int], room: dict[tuple[int, bool], int], more: int) -> None:
    (added, filled), (added_then, filled_then) = placed(pods, room), placed([*pods, more], room)
    assert added_then >= added
    assert added_then + filled_then >= added + filled


@given(PODS, ROOM)
def test_no_more_nodes_than_pods_and_no_fewer_than_their_gpus(
    pods: list[int], room: dict[tuple[int, bool], int]
) -> None:
    added, _ = placed(pods, room)
    free = sum(gpus * count for (gpus, _), count in room.items())
    assert (sum(pods) - free) / SIZE <= added <= len(pods)


def _one_by_one(pods: list[int], room: dict[tuple[int, bool], int]) -> tuple[int, int]:
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
    return added, filled
