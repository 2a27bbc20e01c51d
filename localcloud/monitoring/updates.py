"""What a PATCH with an update mask makes of a resource (https://google.aip.dev/134)."""

from __future__ import annotations

import copy
from typing import Any


def updated(
    held: dict[str, Any], wanted: dict[str, Any], mask: str | None, *, fixed: tuple[str, ...]
) -> dict[str, Any]:
    """The resource with the masked fields (dotted, lowerCamelCase, by commas) as `wanted` has them.

    Without a mask all is replaced but for `fixed`, which only the server sets.
    """
    if not mask:
        kept = {name: held[name] for name in fixed if name in held}
        return {**{name: each for name, each in wanted.items() if name not in fixed}, **kept}
    result = copy.deepcopy(held)
    for path in mask.split(","):
        names = path.split(".")
        if names[0] not in fixed:
            _put(result, wanted, names)
    return result


def _put(result: dict[str, Any], wanted: dict[str, Any], names: list[str]) -> None:
    name, rest = names[0], names[1:]
    if rest and isinstance(wanted.get(name, {}), dict):
        _put(result.setdefault(name, {}), wanted.get(name, {}), rest)
    elif name in wanted:
        result[name] = wanted[name]
    else:
        result.pop(name, None)
