"""The boolean language of filters."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.expressions import AllOf, AnyOf, Comparison, FilterError, Not, Term, holds, parse

NAMES = ("a", "b", "c")
TERMS = st.recursive(
    st.sampled_from([Comparison(name, "=", ("1",)) for name in NAMES]),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.tuples(inner, inner)),
        st.builds(AnyOf, st.tuples(inner, inner)),
    ),
    max_leaves=8,
)


def written(term: Term) -> str:
    match term:
        case Comparison(field, operator, values):
            return f'{field}{operator}"{values[0]}"'
        case Not(inner):
            return f"NOT ({written(inner)})"
        case AllOf(terms):
            return "(" + " AND ".join(map(written, terms)) + ")"
        case AnyOf(terms):
            return "(" + " OR ".join(map(written, terms)) + ")"


def truths(term: Term) -> list[bool]:
    """What a term says for every assignment of its names."""
    worlds = [dict(zip(NAMES, each, strict=True)) for each in itertools.product([False, True], repeat=len(NAMES))]
    return [holds(term, lambda each, world=world: world[each.field]) for world in worlds]  # type: ignore[misc]


@given(TERMS)
def test_a_written_filter_reads_as_it_was_meant(term: Term) -> None:
    assert truths(parse(written(term))) == truths(term)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a=1 b=1", "a=1 AND b=1"),
        ("a=1 AND b=1 OR c=1", "a=1 AND (b=1 OR c=1)"),
        ("NOT a=1 OR b=1", "(NOT a=1) OR b=1"),
        ("", "NOT (a=1 AND NOT a=1)"),
    ],
)
def test_or_binds_tighter_than_and(text: str, same: str) -> None:
    assert truths(parse(text)) == truths(parse(same))


def test_values_may_be_quoted_called_and_escaped() -> None:
    assert parse('a.b = "x \\"y\\""') == Comparison("a.b", "=", ('x "y"',))
    assert parse('a.labels."k/8s" = one_of("x", "y")') == Comparison("a.labels.k/8s", "=", ("x", "y"), "one_of")


@given(st.text(alphabet='ab=()"<>! .,:ANDORT1', max_size=20))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        parse(text)
    except FilterError as refused:
        assert str(refused).startswith("syntax error at line 1, column ")
