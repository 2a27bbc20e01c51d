"""Which groups a rollout changes, in which waves: pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from poolwright.references import GroupRef, last_part
from poolwright.rollouts.rollout import Target, Wave
from poolwright.verdicts import Refused

_SHOWN = 20  # names in one message


def waves(targets: Sequence[Target], *, fractions: Sequence[float], right: Collection[str] = ()) -> tuple[Wave, ...]:
    """The canary (one group), then waves up to each cumulative fraction of the rest; no wave is empty.

    The order is that of the targets' names, so the same fleet gives the same plan; groups that are `right` already come
    last, as they prove nothing.
    """
    ordered = sorted(targets, key=lambda target: (target.group in right, target.pool, target.group))
    canary, rest = ordered[:1], ordered[1:]
    found = [Wave(name="canary", targets=tuple(canary))] if canary else []
    done = 0
    for fraction in [*fractions, 1.0]:
        upto = min(len(rest), math.ceil(len(rest) * fraction))
        if upto > done:
            found.append(Wave(name=f"wave {len(found)}", targets=tuple(rest[done:upto])))
            done = upto
    return tuple(found)


def chosen(targets: Sequence[Target], names: Sequence[str], *, excluded: Mapping[str, str]) -> list[Target]:
    """The targets of these names, each `group` or `zone/group`. Refused for a name that none has, or several."""
    found: dict[str, Target] = {}
    for name in names:
        fitting = [target for target in targets if name.strip() in _names(target)]
        if len(fitting) != 1:
            raise Refused("groups", _what_is_wrong(name, len(fitting), excluded), _what_would_do(fitting or targets))
        found[fitting[0].group] = fitting[0]
    return list(found.values())


def _names(target: Target) -> tuple[str, str, str]:
    group = GroupRef.parse(target.group)
    return group.name, f"{group.zone}/{group.name}", target.group


def _what_is_wrong(name: str, count: int, excluded: Mapping[str, str]) -> str:
    if count:
        return f"{name} is the name of {count} instance groups"
    left = "".join(f"; {last_part(pool)} is left alone: {why}" for pool, why in sorted(excluded.items()))
    return f"{name} is no instance group that can be changed{left}"


def _what_would_do(targets: Sequence[Target]) -> str:
    names = sorted(_names(target)[1] for target in targets)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Use some of: {', '.join(names[:_SHOWN])}{more}" if names else "There is none now"
