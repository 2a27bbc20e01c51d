"""Subscription filters (https://cloud.google.com/pubsub/docs/subscription-message-filter#filtering_syntax).

    attributes:key   attributes.key = "v"   attributes.key != "v"   hasPrefix(attributes.key, "v")
    NOT x (or -x)   x AND y   x OR y   (x)

NOT binds tightest; AND and OR are not mixed without parentheses. A key with anything but letters, digits, `_` and `-`
is written as a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from localcloud.pubsub.limits import invalid

MAX_BYTES = 256

Attributes = dict[str, str]
Predicate = Callable[[Attributes], bool]

_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>[A-Za-z0-9_][A-Za-z0-9_-]*)|(?P<sign>!=|[=:.,()-]))', re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3})|(.))", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def check_filter(text: str) -> None:
    """Refuse a filter that is too long or does not parse."""
    if len(text.encode()) > MAX_BYTES:
        raise invalid(
            f"The value for filter is too large. You passed {len(text.encode())} in the request, "
            f"but the maximum value is {MAX_BYTES}."
        )
    try:
        parsed(text)
    except FilterError as wrong:
        raise invalid(f"Invalid filter given (filter={text}): {wrong}") from None


def matches(text: str, attributes: Attributes) -> bool:
    """Whether a message with these attributes passes; an empty filter passes all."""
    return parsed(text)(attributes)


class FilterError(ValueError):
    """A filter that does not parse; says where."""


@lru_cache(maxsize=1024)
def parsed(text: str) -> Predicate:
    """A filter as a function of attributes; raises FilterError."""
    if not text.strip():
        return lambda _: True
    parser = _Parser(text)
    found = parser.expression()
    if parser.token is not None:
        raise parser.unexpected()
    return found


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.kind: str | None = None
        self.token: str | None = None
        self._step()

    def expression(self) -> Predicate:
        """One term, or terms joined by AND alone or by OR alone."""
        terms = [self._term()]
        joint = self.token
        if joint not in ("AND", "OR"):
            return terms[0]
        while self.token == joint:
            self._step()
            terms.append(self._term())
        if self.token in ("AND", "OR"):
            raise FilterError("AND and OR cannot be combined without parentheses")
        if joint == "AND":
            return lambda attributes: all(term(attributes) for term in terms)
        return lambda attributes: any(term(attributes) for term in terms)

    def unexpected(self) -> FilterError:
        """The error for the token in hand."""
        where = f"at position {self._end}"
        return FilterError(f"unexpected {self.token!r} {where}" if self.token is not None else f"incomplete {where}")

    def _term(self) -> Predicate:
        if self.token in ("NOT", "-"):
            self._step()
            inner = self._term()
            return lambda attributes: not inner(attributes)
        if self._takes("("):
            inner = self.expression()
            self._need(")")
            return inner
        if self._takes("hasPrefix"):
            return self._has_prefix()
        self._need("attributes")
        return self._comparison()

    def _has_prefix(self) -> Predicate:
        for each in ("(", "attributes", "."):
            self._need(each)
        key = self._key()
        self._need(",")
        prefix = self._string()
        self._need(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _comparison(self) -> Predicate:
        if self._takes(":"):
            key = self._key()
            return lambda attributes: key in attributes
        self._need(".")
        key = self._key()
        if self._takes("="):
            value = self._string()
            return lambda attributes: attributes.get(key) == value
        self._need("!=")
        value = self._string()
        return lambda attributes: attributes.get(key) != value

    def _key(self) -> str:
        if self.kind == "string":
            return self._string()
        if self.kind != "word" or self.token is None:
            raise self.unexpected()
        key = self.token
        self._step()
        return key

    def _string(self) -> str:
        if self.kind != "string" or self.token is None:
            raise self.unexpected()
        value = _ESCAPE.sub(_unescaped, self.token[1:-1])
        self._step()
        return value

    def _takes(self, token: str) -> bool:
        if self.token != token:
            return False
        self._step()
        return True

    def _need(self, token: str) -> None:
        if not self._takes(token):
            raise self.unexpected()

    def _step(self) -> None:
        found = _TOKEN.match(self._text, self._end)
        if found is None:
            if self._text[self._end :].strip():
                raise FilterError(f"unexpected character at position {self._end}")
            self.kind = self.token = None
            return
        self.kind, self.token, self._end = found.lastgroup, found[found.lastgroup or 0], found.end()


def _unescaped(found: re.Match[str]) -> str:
    short, long, hexadecimal, octal, letter = found.groups()
    if digits := short or long or hexadecimal:
        return chr(int(digits, 16))
    return chr(int(octal, 8)) if octal else _ESCAPED.get(letter, letter)
