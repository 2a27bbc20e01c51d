"""A rollout as it is stored: intent and progress, nothing that the world itself knows."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = 1

Phase = Literal[
    "offered", "mutating", "verifying", "baking", "rolling back", "done", "rolled back", "failed", "aborted",
    "superseded",
]  # fmt: skip
FINISHED: frozenset[Phase] = frozenset({"done", "rolled back", "failed", "aborted", "superseded"})
TargetState = Literal["waiting", "mutated", "refused", "rolled back"]
Verdict = Literal["", "passed", "unproven", "failed"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An instance group of a wave. `group` as `projects/P/zones/Z/instanceGroupManagers/N`, `pool` likewise."""

    group: str
    pool: str
    state: TargetState = "waiting"
    reason: str = ""


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """Groups changed together. Times are seconds since the epoch, 0 for not yet."""

    name: str
    targets: tuple[Target, ...]
    began: float = 0
    verified: float = 0
    verdict: Verdict = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The environment's rollout policy as it was when the rollout was planned. Seconds."""

    bake_seconds: float
    node_ready_seconds: float
    canary_node: bool
    roll_back_on_failure: bool


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One document.

    `canary`: the name of the extra node while it is in `canary_group`; `proved`: its name once it has done its work;
    `cause`: the id of the message that asked for the rollout; `commanded`: (publish time, message id) of the newest
    command obeyed, so that a late one is known as late.
    """

    id: str
    environment: str
    run_id: int
    image: str
    waves: tuple[Wave, ...]
    policy: Policy
    phase: Phase
    wave: int = 0
    paused: bool = False
    canary: str = ""
    canary_group: str = ""
    proved: str = ""
    reason: str = ""
    excluded: dict[str, str] = {}
    requester: str = ""
    cause: str = ""
    commanded: tuple[str, str] = ("", "")
    created: float = 0
    schema: int = SCHEMA

    @property
    def finished(self) -> bool:
        """Nothing more will happen by itself."""
        return self.phase in FINISHED

    @property
    def settled(self) -> bool:
        """Finished, and no canary node is left behind."""
        return self.finished and not self.canary

    @property
    def current(self) -> Wave:
        """The wave in hand."""
        return self.waves[self.wave]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The groups of all waves."""
        return tuple(target for wave in self.waves for target in wave.targets)


def encode(rollout: Rollout) -> dict[str, Any]:
    """To the JSON of the store."""
    return dict(msgspec.to_builtins(rollout))


def decode(body: dict[str, Any]) -> Rollout:
    """From the JSON of the store; fields of a newer release are left aside."""
    return msgspec.convert(body, Rollout)
