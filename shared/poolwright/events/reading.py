"""Reading JSON in two steps: a glance that costs nothing, then the strict look that names the wrong field."""

import json
import re
from typing import Any, TypeVar

from poolwright.verdicts import Refused

Shape = TypeVar("Shape")

# msgspec says: Object missing required field `state` - at `$.incident`
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]*)`")
_PLACE = re.compile(r" - at `(?P<path>[^`]*)`$")


def json_object(text: bytes | str, *, where: str, remedy: str) -> dict[str, Any]:
    """The JSON object in `text`, unchecked beyond that. Raises `Refused` at `where`."""
    try:
        text = text.decode() if isinstance(text, bytes) else text  # strictly: json.loads would let odd bytes pass
        value = json.loads(text)
        if "\\ud" in text.lower():
            # JSON can spell half of a surrogate pair; the first API it is handed to would fail instead of us.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused(where, "holds half of a surrogate pair, which is no text", remedy) from None
    except (ValueError, RecursionError):
        raise Refused(where, "is not JSON", remedy) from None
    if not isinstance(value, dict):
        raise Refused(where, "is not a JSON object", remedy)
    return value


def glance(value: object, *path: str) -> Any:
    """What stands at `path` in nested objects, or None where the path ends early."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def shaped(value: object, shape: type[Shape], *, remedy: str, under: str = "") -> Shape:
    """`value` once it has proved to be of `shape` (strictly: no text for a number, no null for a text).

    `under` is put before the path of the field that is wrong. Raises `Refused`.
    """
    import msgspec  # 20 ms, spent only on messages that concern us

    try:
        return msgspec.convert(value, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        where, problem = _explain(str(error))
        raise Refused(".".join(filter(None, (under, where))) or "data", problem, remedy) from None


def _explain(text: str) -> tuple[str, str]:
    place = _PLACE.search(text)
    path = place["path"].removeprefix("$").lstrip(".") if place else ""
    problem = text[: place.start()] if place else text
    missing = _MISSING.match(problem)
    if missing:
        return ".".join(filter(None, (path, missing["field"]))), "is missing"
    return path, problem[:1].lower() + problem[1:]
