"""The boolean language of Google's filters (https://google.aip.dev/160), as Monitoring and Cloud Build speak it.

Terms are `field OP value`; `NOT` binds tightest, then `OR`, then `AND`; terms side by side mean `AND`.
A value may be a call: `metric.labels.model = starts_with("NVIDIA")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<op>!=|>=|<=|=~|!~|=|<|>|:)
      | (?P<mark>[(),])
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<word>(?:[^\s"'()=<>!:,]|(?<=\.)"(?:\\.|[^"\\])*")+)
    )""",
    re.VERBOSE,
)


class FilterError(ValueError):
    """Where a filter stops making sense, in Google's words: `syntax error at line 1, column 7, token '=='`."""


@dataclass(frozen=True)
class Comparison:
    """`field operator value`; with a function, `values` are its arguments."""

    field: str
    operator: str
    values: tuple[str, ...]
    function: str = ""


@dataclass(frozen=True)
class Not:
    """The term does not hold."""

    term: Term


@dataclass(frozen=True)
class AllOf:
    """Every term holds."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class AnyOf:
    """Some term holds."""

    terms: tuple[Term, ...]


Term = Comparison | Not | AllOf | AnyOf


def parse(text: str) -> Term:
    """A filter's meaning; an empty one asks for nothing. Raises FilterError."""
    parser = _Parser(text)
    if parser.kind is None:
        return AllOf(())
    term = parser.conjunction()
    if parser.kind is not None:
        raise parser.error()
    return term


def holds(term: Term, test: Callable[[Comparison], bool]) -> bool:
    """Whether the term holds where `test` judges its comparisons."""
    match term:
        case Comparison():
            return test(term)
        case Not(inner):
            return not holds(inner, test)
        case AllOf(terms):
            return all(holds(each, test) for each in terms)
        case AnyOf(terms):
            return any(holds(each, test) for each in terms)


def comparisons(term: Term) -> Iterator[Comparison]:
    """All comparisons in a term, in their order."""
    match term:
        case Comparison():
            yield term
        case Not(inner):
            yield from comparisons(inner)
        case AllOf(terms) | AnyOf(terms):
            for each in terms:
                yield from comparisons(each)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._start = self._position = 0
        self.kind: str | None = None
        self.piece = ""
        self._next()

    def _next(self) -> str:
        taken = self.piece
        rest = self._text[self._position :]
        self._start = self._position + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self.kind, self.piece = None, ""
            return taken
        found = _TOKEN.match(self._text, self._position)
        if found is None:
            self.piece = self._text[self._start : self._start + 1]
            raise self.error()
        self.kind = found.lastgroup
        self.piece = found[self.kind or ""]
        self._position = found.end()
        return taken

    def error(self) -> FilterError:
        before = self._text[: self._start]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        shown = f"'{self.piece}'" if self.piece else "end of filter"
        return FilterError(f"syntax error at line {line}, column {column}, token {shown}")

    def conjunction(self) -> Term:
        terms = [self._disjunction()]
        while self.kind is not None and self.piece != ")":
            if self.kind == "word" and self.piece == "AND":
                self._next()
            terms.append(self._disjunction())
        return terms[0] if len(terms) == 1 else AllOf(tuple(terms))

    def _disjunction(self) -> Term:
        terms = [self._term()]
        while self.kind == "word" and self.piece == "OR":
            self._next()
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _term(self) -> Term:
        if self.kind == "word" and self.piece == "NOT":
            self._next()
            return Not(self._term())
        if self.piece == "(" and self.kind == "mark":
            self._next()
            inner = self.conjunction()
            self._take("mark", ")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        if self.kind != "word" or self.piece in ("AND", "OR"):
            raise self.error()
        field = re.sub(r'"((?:\\.|[^"\\])*)"', r"\1", self._next())
        operator = self._take("op")
        if self.kind not in ("word", "text"):
            raise self.error()
        kind, value = self.kind, self._next()
        if kind == "word" and self.piece == "(":
            return Comparison(field, operator, tuple(self._arguments()), function=value)
        return Comparison(field, operator, (_unquoted(value),))

    def _arguments(self) -> Iterator[str]:
        self._take("mark", "(")
        while True:
            if self.kind not in ("word", "text"):
                raise self.error()
            yield _unquoted(self._next())
            if self.piece != ",":
                break
            self._next()
        self._take("mark", ")")

    def _take(self, kind: str, piece: str | None = None) -> str:
        if self.kind != kind or (piece is not None and self.piece != piece):
            raise self.error()
        return self._next()


def _unquoted(value: str) -> str:
    if value[:1] in ('"', "'"):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
