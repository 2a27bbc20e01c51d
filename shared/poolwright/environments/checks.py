"""What no type can say of an environment: fields that must agree, names that must exist.

Each problem is a path, what is wrong, and the paths of other fields that it depends on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from functools import singledispatch
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from poolwright.boot_images import conflicts
from poolwright.boot_images.substitutions import Substitutions
from poolwright.environments.build_policy import BuildPolicy
from poolwright.environments.environment import Environment
from poolwright.environments.rollout_policy import RolloutPolicy
from poolwright.rollouts.windows import Freeze, Window

Found = Iterator[tuple[str, ...]]


@singledispatch
def problems(value: msgspec.Struct) -> Found:
    """What is wrong within this value, each of whose fields is right by itself."""
    yield from ()


@problems.register
def _(environment: Environment) -> Found:
    yield from _repeated("clusters", (f"{each.name} in {each.location}" for each in environment.clusters))
    pool = environment.source_image.reference_pool
    named = [each for each in environment.clusters if pool and each.name == pool.cluster]
    if pool and len(named) != 1:
        what = f"{len(named)} clusters have" if named else "none of the clusters has"
        names = ", ".join(sorted({each.name for each in environment.clusters}))
        yield "sourceImage.referencePool.cluster", f"{what} the name {pool.cluster!r}; name one of {names}"
    if environment.source_image.on_change == "rebuild" and not environment.build.source:
        yield "build.source", "it is missing, and sourceImage.onChange is rebuild; give gs://BUCKET/OBJECT, or report"
    if environment.rollout.gates.cache_hit and not environment.build.containers:
        text = "no container is pre-loaded; give build.containers, or turn it off"
        yield "rollout.gates.cacheHit", text, "build.containers"


@problems.register
def _(policy: RolloutPolicy) -> Found:
    for place, (before, after) in enumerate(pairwise(policy.waves), 1):
        if after <= before:
            yield (
                f"waves[{place}]",
                f"{after:g} does not rise above {before:g}; fractions add up, such as [0.25, 0.5, 1]",
            )
    if policy.max_unavailable + policy.max_surge == 0:
        yield (
            "maxUnavailable",
            "it and maxSurge are both 0, so that no node could be replaced; give one of them 1",
            "maxSurge",
        )


@problems.register
def _(window: Window) -> Found:
    if not window.days:
        yield "days", "the list is empty, so that it never opens; name days, or leave the field out for all"
    yield from _repeated("days", window.days)
    if window.begins == window.ends:
        yield "ends", f"it is {window.ends}, as begins is; for whole days begin at 00:00 and end at 24:00", "begins"
    try:
        ZoneInfo(window.time_zone)
    except (KeyError, OSError, ValueError):  # the latter for what is no name at all: a folder, `../x`
        yield "timeZone", f"{window.time_zone!r} is no time zone; {_near(window.time_zone)}"


@problems.register
def _(freeze: Freeze) -> Found:
    if freeze.ends <= freeze.begins:
        yield "ends", f"{freeze.ends.isoformat()} is not after begins; give a later time"


@problems.register
def _(policy: BuildPolicy) -> Found:
    yield from _repeated("containers", policy.containers)


@problems.register
def _(wanted: Substitutions) -> Found:
    yield from conflicts.problems(wanted)


def _near(zone: str) -> str:
    import difflib
    from zoneinfo import available_timezones

    near = difflib.get_close_matches(zone, available_timezones(), n=1)
    return f"did you mean {near[0]}?" if near else "give one such as Europe/Berlin"


def _repeated(field: str, values: Iterable[Hashable]) -> Found:
    for value, count in Counter(values).items():
        if count > 1:
            yield field, f"{value} is there {count} times; once is enough"
