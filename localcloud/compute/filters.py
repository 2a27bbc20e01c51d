"""The `filter` of Compute's lists, in both syntaxes
(https://cloud.google.com/compute/docs/reference/rest/v1/instances/list, parameter `filter`).

Older: `name eq 'web-.*'`, `(name ne x) (status eq RUNNING)`: whole-value regular expressions.
Newer (AIP-160): `name = x`, `labels.env != dev AND (status = RUNNING OR id > 5)`, `name:part`,
`labels.owner:*`, `-name:x`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from localcloud.compute.refusals import invalid
from localcloud.schema import fields_by_json

Resource = dict[str, Any]
Test = Callable[[Resource], bool]
_TOKENS = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<operator>:=|!=|<=|>=|=|:|<|>)
    |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<minus>-(?=[A-Za-z(]))|(?P<word>[^\s()=:!<>"']+))""",
    re.VERBOSE,
)
_NUMERIC = (
    FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT,
)  # fmt: skip


class _BadExpression(ValueError):
    """The text is no filter."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True)
class _Field:
    """A field by its way (`scheduling.automaticRestart`) and its type (None: a map's value or a message)."""

    way: tuple[str, ...]
    type: int | None

    def value(self, resource: Resource) -> Any:
        """What the resource holds there, or None."""
        found: Any = resource
        for step in self.way:
            found = found.get(step) if isinstance(found, dict) else None
        return found


def matcher(text: str, descriptor: Descriptor) -> Test:
    """A test for resources of this message type; 400 "Invalid list filter expression." where the text is none."""
    try:
        return _Parser(_tokens(text), descriptor).whole()
    except (_BadExpression, re.error):
        raise invalid("filter", text, "Invalid list filter expression.") from None


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise _BadExpression(text[at:])
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found[kind]))
        at = found.end()
    return tokens


class _Parser:
    """An expression is factors joined by AND, a factor is terms joined by OR, a term is a restriction, an expression
    in parentheses, or the negation of one."""

    def __init__(self, tokens: list[_Token], descriptor: Descriptor) -> None:
        self._tokens = tokens
        self._at = 0
        self._descriptor = descriptor
        self._older = False
        self._newer = False

    def whole(self) -> Test:
        test = self._expression()
        # Regular expressions join by parentheses alone.
        if self._at != len(self._tokens) or (self._older and self._newer):
            raise _BadExpression
        return test

    def _expression(self) -> Test:
        tests = [self._factor()]
        while (token := self._peek()) is not None and token.kind != "close":
            if token == _Token("word", "AND"):
                self._newer = True
                self._at += 1
            tests.append(self._factor())
        return lambda resource: all(test(resource) for test in tests)

    def _factor(self) -> Test:
        tests = [self._term()]
        while self._peek() == _Token("word", "OR"):
            self._newer = True
            self._at += 1
            tests.append(self._term())
        return lambda resource: any(test(resource) for test in tests)

    def _term(self) -> Test:
        token = self._next()
        if token.kind == "minus" or token == _Token("word", "NOT"):
            self._newer = True
            inner = self._term()
            return lambda resource: not inner(resource)
        if token.kind == "open":
            inner = self._expression()
            if self._next().kind != "close":
                raise _BadExpression
            return inner
        if token.kind != "word":
            raise _BadExpression
        return self._restriction(token.text)

    def _restriction(self, name: str) -> Test:
        operator = self._next()
        value = self._next()
        if value.kind not in ("word", "quoted") and not (value.kind == "minus"):
            raise _BadExpression
        literal = _literal(value) if value.kind != "minus" else "-" + _literal(self._next())
        while value.kind == "word" and operator.kind == "operator" and self._glued():
            literal += self._next().text
        field = _field(name, self._descriptor)
        if operator.kind == "word" and operator.text in ("eq", "ne"):
            self._older = True
            return _by_pattern(field, literal, equal=operator.text == "eq")
        if operator.kind != "operator":
            raise _BadExpression
        self._newer = True
        return _by_comparison(field, operator.text, literal)

    def _glued(self) -> bool:
        """Unquoted links and times hold colons: `zone = https://...`, `creationTimestamp > 2024-01-01T00:00:00Z`."""
        before, token = self._tokens[self._at - 1], self._peek()
        if token is None:
            return False
        after_colon = before.text == ":" and token.kind == "word"
        return (token.kind == "operator" and token.text == ":") or after_colon

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> _Token:
        token = self._peek()
        if token is None:
            raise _BadExpression
        self._at += 1
        return token


def _literal(token: _Token) -> str:
    if token.kind != "quoted":
        return token.text
    # Only the quote itself is escaped; a regular expression keeps its backslashes.
    quote = token.text[0]
    return token.text[1:-1].replace("\\" + quote, quote)


def _field(name: str, descriptor: Descriptor) -> _Field:
    """Only single values can be filtered; a map's keys are steps of their own."""
    way: list[str] = []
    steps = name.split(".")
    current: Descriptor | None = descriptor
    kind: int | None = None
    while steps:
        if current is None:
            raise _BadExpression(name)
        field = fields_by_json(current).get(steps.pop(0))
        if field is None:
            raise _BadExpression(name)
        way.append(field.json_name)
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return _Field((*way, ".".join(steps)) if steps else tuple(way), None)
        if field.is_repeated:
            raise _BadExpression(name)
        current, kind = message, None if message is not None else field.cpp_type
    return _Field(tuple(way), kind)


def _by_pattern(field: _Field, literal: str, *, equal: bool) -> Test:
    pattern = re.compile(literal)

    def test(resource: Resource) -> bool:
        value = field.value(resource)
        return bool(pattern.fullmatch(_text(value))) is equal

    return test


def _by_comparison(field: _Field, operator: str, literal: str) -> Test:
    if operator == ":" and literal == "*":
        return lambda resource: field.value(resource) is not None
    if operator in (":", ":="):
        if field.type != FieldDescriptor.CPPTYPE_STRING and field.type is not None:
            return lambda resource: _equal(field, field.value(resource), literal)
        wanted = literal.rstrip("*").lower()
        if literal.endswith("*"):
            return lambda resource: _text(field.value(resource)).lower().startswith(wanted)
        return lambda resource: wanted in _text(field.value(resource)).lower()
    if operator == "=":
        return lambda resource: _equal(field, field.value(resource), literal)
    if operator == "!=":
        return lambda resource: not _equal(field, field.value(resource), literal)
    return lambda resource: _ordered(operator, field, field.value(resource), literal)


def _equal(field: _Field, value: Any, literal: str) -> bool:
    if value is None:
        return field.type == FieldDescriptor.CPPTYPE_BOOL and literal.lower() == "false"
    if field.type in _NUMERIC:
        return _number(value) == _number(literal)
    if literal.endswith("*"):
        return _text(value).startswith(literal[:-1])
    return _text(value) == literal or (isinstance(value, bool) and _text(value) == literal.lower())


def _ordered(operator: str, field: _Field, value: Any, literal: str) -> bool:
    if value is None:
        return False
    left: Any
    right: Any
    if field.type in _NUMERIC:
        left, right = _number(value), _number(literal)
    elif (left := _moment(str(value))) is None or (right := _moment(literal)) is None:
        left, right = str(value), literal
    if operator == "<":
        return bool(left < right)
    if operator == "<=":
        return bool(left <= right)
    return bool(left > right) if operator == ">" else bool(left >= right)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float:
    try:
        return float(value)
    except ValueError:
        raise _BadExpression(value) from None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
