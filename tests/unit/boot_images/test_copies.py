import inspect
import re
from collections.abc import Iterator
from typing import Any

from google.cloud import compute_v1

from poolwright.boot_images.copies import writable


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


def output_only(message: Any, seen: frozenset[Any] = frozenset()) -> Iterator[tuple[str, ...]]:
    """The paths that Google's client library documents as output only, under one message type."""
    parts = re.split(r"\n    (\w+) \(", inspect.getdoc(message) or "")
    documented = dict(zip(parts[1::2], parts[2::2], strict=True))
    for field in message.meta.fields.values():
        within = field.message if hasattr(field.message, "meta") else None
        if re.search(r"\[?output only\]?", documented.get(field.name, ""), re.IGNORECASE):
            yield (camel(field.name),)
        elif within is not None and within not in seen:
            for path in output_only(within, seen | {message}):
                yield (camel(field.name), *path)


def planted(path: tuple[str, ...], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def found(path: tuple[str, ...], value: Any) -> bool:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def test_everything_that_googles_library_calls_output_only_is_dropped() -> None:
    paths = [path for path in output_only(compute_v1.InstanceTemplate) if path != ("name",)]
    assert ("properties", "disks", "licenses") in paths

    kept = [path for path in paths if found(path, writable({"name": "n", **planted(path, "x")}))]

    assert kept == []


def test_everything_else_is_kept_known_or_not() -> None:
    assert writable(
        {"name": "n", "properties": {"new": [{"kind": "kept"}], "disks": [{"index": 0, "boot": True}]}}
    ) == {"properties": {"new": [{"kind": "kept"}], "disks": [{"boot": True}]}}
