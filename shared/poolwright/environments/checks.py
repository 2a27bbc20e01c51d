"""What no type can say of an environment: fields that must agree, names that must exist."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from poolwright import shape
from poolwright.boot_images import conflicts
from poolwright.boot_images.substitutions import Substitutions
from poolwright.environments.build_policy import BuildPolicy
from poolwright.environments.environment import Environment
from poolwright.environments.rollout_policy import RolloutPolicy
from poolwright.rollouts.windows import Freeze
from poolwright.shape import Found, Problem, problems_of, repeated


def read(raw: Any) -> tuple[Environment | None, tuple[Problem, ...]]:
    """What a file says (None where it cannot be made), and every problem with it."""
    return shape.read(raw, Environment, page="docs/environments.md")


@problems_of.register
def _(environment: Environment) -> Found:
    yield from repeated("clusters", (f"{each.name} in {each.location}" for each in environment.clusters))
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


@problems_of.register
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


@problems_of.register
def _(freeze: Freeze) -> Found:
    if freeze.ends <= freeze.begins:
        yield "ends", f"{freeze.ends.isoformat()} is not after begins; give a later time"


@problems_of.register
def _(policy: BuildPolicy) -> Found:
    yield from repeated("containers", policy.containers)


@problems_of.register
def _(wanted: Substitutions) -> Found:
    yield from conflicts.problems(wanted)
