"""How boot images go out in an environment."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from poolwright.environments.kinds import Count, Seconds, SomeSeconds
from poolwright.rollouts.windows import Freeze, Window

Fraction = Annotated[float, Meta(gt=0, le=1)]


class SmokeJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A Job that must succeed on a node that booted our image; for these accelerator types, or for all if none."""

    image: Annotated[str, Meta(description="Container image of the Job.", min_length=1)]
    command: Annotated[tuple[str, ...], Meta(description="What it runs; the image's own entry point if none.")] = ()
    accelerators: Annotated[
        tuple[str, ...], Meta(description="Accelerator types on whose nodes it runs; all if none.")
    ] = ()
    namespace: Annotated[
        str, Meta(description="Namespace it runs in.", pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    ] = "default"
    timeout_seconds: Annotated[SomeSeconds, Meta(description="How long it may take.")] = 600


class Gates(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a wave must show beside nodes that are Ready, boot our image and have their GPUs."""

    cache_hit: Annotated[bool, Meta(description="The pre-loaded containers are there, and nothing pulls them.")] = False
    smoke_jobs: Annotated[tuple[SmokeJob, ...], Meta(description="Jobs that must succeed on a new node.")] = ()
    not_ready_rise: Annotated[
        Count, Meta(description="By how many NotReady nodes a wave's pools may exceed what they had when it began.")
    ] = 0


class RolloutPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How a boot image goes out. The first wave is the canary, one group; `waves` are the cumulative fractions of the
    groups after it."""

    waves: Annotated[
        tuple[Fraction, ...],
        Meta(description="Cumulative fractions of the groups after the canary group, rising; the last wave takes all."),
    ] = (0.5, 1.0)
    bake_seconds: Annotated[Seconds, Meta(description="How long each wave is watched.")] = 600
    node_ready_seconds: Annotated[
        SomeSeconds, Meta(description="How long a node may take until it is Ready with all its GPUs.")
    ] = 900
    canary_node: Annotated[
        bool, Meta(description="Add a node to the canary group, so that something boots the image.")
    ] = True
    on_failure: Annotated[
        Literal["rollBack", "hold"],
        Meta(description="After a failed gate: roll back what was changed, or hold it where it is."),
    ] = "rollBack"
    node_policy: Annotated[
        Literal["new-nodes-only", "replace"],
        Meta(description="Leave running nodes alone, or cordon, drain and recreate them."),
    ] = "new-nodes-only"
    max_unavailable: Annotated[
        Count, Meta(description="With `replace`: nodes of a group that may be away at a time.")
    ] = 1
    max_surge: Annotated[Count, Meta(description="With `replace`: nodes that a group may have beyond what it had.")] = 0
    drain_seconds: Annotated[
        Seconds, Meta(description="How long the budgets of a node's pods may hold its drain up before it is given up.")
    ] = 3600
    gates: Annotated[Gates, Meta(description="What a wave must show before the next one.")] = Gates()
    windows: Annotated[tuple[Window, ...], Meta(description="When waves may begin; always if none.")] = ()
    freezes: Annotated[tuple[Freeze, ...], Meta(description="When nothing new begins, whatever the windows say.")] = ()
