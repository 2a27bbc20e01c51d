"""What people wrote, read as a type of ours, with everything that is wrong with it and not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import singledispatch
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

_BAD: Any = object()
_SHOWN = 60  # characters of a wrong value
Found = Iterator[tuple[str, ...]]


@singledispatch
def problems_of(value: msgspec.Struct) -> Found:
    """What no type can say of a value each of whose fields is right by itself: fields that must agree, names that must
    exist. Each problem is a path, what is wrong, and the paths of other fields that it depends on."""
    yield from ()


class Problem(NamedTuple):
    """`path`: where in the file, such as `rollout.windows[1].timeZone`; `text`: what is wrong, and what would do."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


def read(raw: Any, kind: Any, *, page: str) -> tuple[Any, tuple[Problem, ...]]:
    """The value of this type (None where it cannot be made), and every problem with it. `page`: what has its fields."""
    try:
        value = msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        value = _BAD
    if value is not _BAD and not any(list(problems_of(each)) for each in _structs(value)):
        return value, ()  # the usual case, without looking at types one by one
    reader = _Reader(page)
    value = reader.read(raw, kind, "")
    return (None if value is _BAD else value), tuple(reader.problems)


def _structs(value: Any) -> Iterator[msgspec.Struct]:
    """It and all that are in it."""
    if isinstance(value, msgspec.Struct):
        yield value
        for field in value.__struct_fields__:
            yield from _structs(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from _structs(item)


class _Reader:
    """Builds the typed value from its leaves upwards; `_BAD` stands for what cannot be built."""

    def __init__(self, page: str) -> None:
        self._page = page
        self.problems: list[Problem] = []

    def read(self, raw: Any, kind: Any, path: str) -> Any:
        base, metas = bare(kind)
        origin = get_origin(base)
        if isinstance(base, type) and issubclass(base, msgspec.Struct):
            return self._struct(raw, base, path)
        if origin in (Union, UnionType):
            options = [option for option in get_args(base) if option is not NoneType]
            return None if raw is None else self.read(raw, options[0], path)
        if origin is tuple:
            return self._items(raw, get_args(base)[0], path, metas)
        if origin is dict:
            return self._mapping(raw, get_args(base)[1], path)
        try:
            return msgspec.convert(raw, kind)
        except msgspec.ValidationError:
            hidden = any((meta.extra or {}).get("hidden") for meta in metas)
            quotes = base is str and isinstance(raw, bool | int | float)
            what = "what is there" if hidden else _shown(raw)
            return self._bad(path, f"{what} will not do; give {_wanted(base, metas)}{', in quotes' * quotes}")

    def _struct(self, raw: Any, kind: type[msgspec.Struct], path: str) -> Any:
        if not isinstance(raw, Mapping):
            return self._bad(
                path, f"{_shown(raw)} will not do; give fields, each with its value; {self._page} has them"
            )
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in raw:
            if key not in fields and kind.__struct_config__.forbid_unknown_fields:
                self._bad(_below(path, key), f"there is no such field; {_near(str(key), fields)}")
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in raw:
                values[field.name] = self.read(raw[name], field.type, _below(path, name))
            elif field.required:
                self._bad(_below(path, name), f"it is missing; give {_wanted(*bare(field.type))}")
        if any(field.required and values.get(field.name, _BAD) is _BAD for field in fields.values()):
            return _BAD
        made = kind(**{name: value for name, value in values.items() if value is not _BAD})
        for below, text, *others in problems_of(made):
            if not any(self._is_bad(_join(path, field)) for field in (below, *others)):
                self._bad(_join(path, below), text.rstrip("."))
        return made

    def _is_bad(self, path: str) -> bool:
        """Whether something at or below the path could not be built, so that what stands there is not the file's."""
        return any(problem.path.startswith(path) for problem in self.problems)

    def _items(self, raw: Any, kind: Any, path: str, metas: Iterable[msgspec.Meta]) -> Any:
        if not isinstance(raw, list):
            return self._bad(path, f"{_shown(raw)} will not do; give a list, such as [...]")
        least = max((meta.min_length or 0 for meta in metas), default=0)
        if len(raw) < least:
            return self._bad(path, f"the list is empty; give at least {least}")
        most = min((meta.max_length for meta in metas if meta.max_length is not None), default=len(raw))
        if len(raw) > most:
            return self._bad(path, f"the list has {len(raw)} items; give at most {most}")
        values = [self.read(item, kind, f"{path}[{place}]") for place, item in enumerate(raw)]
        return _BAD if any(value is _BAD for value in values) else tuple(values)

    def _mapping(self, raw: Any, kind: Any, path: str) -> Any:
        if not isinstance(raw, Mapping):
            return self._bad(path, f"{_shown(raw)} will not do; give keys, each with its value")
        values = {key: self.read(item, kind, _below(path, key)) for key, item in raw.items()}
        for key in raw:
            if not isinstance(key, str):
                values[key] = self._bad(_below(path, key), "this key is no text; put it in quotes")
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _bad(self, path: str, text: str) -> Any:
        self.problems.append(Problem(path, text))
        return _BAD


def repeated(field: str, values: Iterable[Hashable]) -> Found:
    """A problem with each value that is there more than once."""
    for value, count in Counter(values).items():
        if count > 1:
            yield field, f"{value} is there {count} times; once is enough"


def bare(kind: Any) -> tuple[Any, tuple[msgspec.Meta, ...]]:
    """A type without its annotations, and those."""
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        return base, tuple(metas)
    return kind, ()


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _join(path: str, below: str) -> str:
    return f"{path}{'.' if path and below and not below.startswith('[') else ''}{below}"


def _near(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, [*known], n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"


def _shown(raw: Any) -> str:
    if raw is None:
        return "an empty value"
    if isinstance(raw, Mapping | list):
        return "a list" if isinstance(raw, list) else "a mapping"
    text = raw.isoformat() if isinstance(raw, date) else repr(raw)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _wanted(base: Any, metas: Iterable[msgspec.Meta]) -> str:
    """In words what would do."""
    for meta in metas:
        if meta.extra and "wanted" in meta.extra:
            return str(meta.extra["wanted"])
    if get_origin(base) is Literal:
        return f"one of {', '.join(map(str, get_args(base)))}"
    if get_origin(base) is tuple:
        return "a list"
    if base is datetime:
        return "a time with its offset, such as 2026-12-20T00:00:00+01:00"
    if base in (int, float):
        words = (("gt", "above"), ("ge", "at least"), ("le", "at most"))
        bounds = [
            f"{word} {getattr(meta, name)}" for meta in metas for name, word in words if getattr(meta, name) is not None
        ]
        return f"a {'whole ' if base is int else ''}number{', ' if bounds else ''}{', '.join(bounds)}"
    return "true or false" if base is bool else "a text"
