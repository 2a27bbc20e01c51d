"""Run ids: counted, never twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.builds.run import MOST, Run, decode, encode, image_name, key, next_id, run_id_of

IDS = st.integers(1, MOST)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


def run(run_id: int, environment: str = "dev") -> Run:
    return Run(
        environment=environment, run_id=run_id, state="built", source_image="projects/p/global/images/i", image="x"
    )


@given(st.lists(IDS), st.lists(IDS), st.lists(IDS))
def test_the_next_run_is_past_every_number_that_anybody_knows(
    ours: list[int], others: list[int], far: list[int]
) -> None:
    runs = [*map(run, ours), *(run(each, "production") for each in far)]
    found = next_id("dev", runs, others=others)
    assert found == max([0, *ours, *others]) + 1


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True),
    IDS,
    st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True),
    IDS,
)
def test_two_runs_never_share_a_key_or_an_image(env: str, run_id: int, other: str, other_id: int) -> None:
    same = (env, run_id) == (other, other_id)
    assert (key(env, run_id) == key(other, other_id)) is same
    assert (image_name(env, run_id) == image_name(other, other_id)) is same


@given(IDS)
def test_a_run_id_is_read_as_it_is_written(run_id: int) -> None:
    assert run_id_of(str(run_id)) == run_id


@pytest.mark.parametrize("text", ["", "0", "-1", "1.0", " 1", "1e3", "٣", "x", str(MOST + 1), "9" * 5000])
def test_what_is_no_run_id_is_none(text: str) -> None:
    assert run_id_of(text) == 0


def test_a_run_comes_back_from_the_store_as_it_was_also_beside_fields_of_tomorrow() -> None:
    kept = encode(run(7))
    assert kept["runId"] == 7
    assert kept["sourceImage"] == "projects/p/global/images/i"
    assert decode(kept | {"fieldOfTomorrow": 1}) == run(7)
