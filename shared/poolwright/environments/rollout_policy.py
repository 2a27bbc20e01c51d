"""How boot images go out in an environment."""

from __future__ import annotations

from typing import Literal

import msgspec

from poolwright.rollouts.windows import Freeze, Window


class SmokeJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A Job that must succeed on a node that booted our image; for these accelerator types, or for all if none."""

    image: str
    command: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    namespace: str = "default"
    timeout_seconds: float = 600


class Gates(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a wave must show beside nodes that are Ready, boot our image and have their GPUs. `cache_hit`: the
    pre-loaded containers are there; `not_ready_rise`: by how many NotReady nodes a wave's pools may exceed what they
    had when it began."""

    cache_hit: bool = False
    smoke_jobs: tuple[SmokeJob, ...] = ()
    not_ready_rise: int = 0


class RolloutPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How a boot image goes out. The first wave is the canary, one group; `waves` are the cumulative fractions of the
    groups after it; times are seconds; `canary_node` adds a node to the canary group so that something boots the image.

    `node_policy`: `new-nodes-only` leaves running nodes alone; `replace` cordons, drains and recreates them, at most
    `max_unavailable` of a group at a time, or with `max_surge` more than it had. `drain_seconds`: how long the budgets
    of a node's pods may hold the drain up before the target is given up. Windows: none means always.
    """

    waves: tuple[float, ...] = (0.5, 1.0)
    bake_seconds: float = 600
    node_ready_seconds: float = 900
    canary_node: bool = True
    on_failure: Literal["rollBack", "hold"] = "rollBack"
    node_policy: Literal["new-nodes-only", "replace"] = "new-nodes-only"
    max_unavailable: int = 1
    max_surge: int = 0
    drain_seconds: float = 3600
    gates: Gates = Gates()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
