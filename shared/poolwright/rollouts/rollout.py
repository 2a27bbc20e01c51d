"""A rollout as it is stored: intent and progress, nothing that the world itself knows.

One document a rollout (collection `rollouts`), which changes only by the rollout's own transitions; and one a target
(collection `targets`), in which its step says how far it is, so that a hundred groups are changed side by side and no
two of them write the same document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from poolwright.entries import Entry
from poolwright.rollouts.gates.result import GateResult

SCHEMA = 2  # 1: targets only in the rollout's document, one changed after the other, records written beside it

Phase = Literal[
    "offered", "mutating", "verifying", "baking", "rolling back", "done", "rolled back", "failed", "aborted",
    "superseded",
]  # fmt: skip
FINISHED: frozenset[Phase] = frozenset({"done", "rolled back", "failed", "aborted", "superseded"})
TargetState = Literal["waiting", "changing", "mutated", "failed", "refused", "going back", "rolled back", "stuck"]
TOUCHED: frozenset[TargetState] = frozenset({"changing", "mutated", "failed", "going back", "stuck"})
Verdict = Literal["", "passed", "unproven", "unchanged", "failed"]
Kind = Literal["rollout", "roll-back"]
Todo = Literal["", "mutate", "replace", "roll back", "look"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An instance group of a wave. `group` as `projects/P/zones/Z/instanceGroupManagers/N`, `pool` likewise.

    | state | the group |
    |---|---|
    | waiting | is as it was before |
    | changing | may be changed at this moment, or was when somebody died |
    | mutated | points at our template; `found`: it did before, so nothing was changed |
    | failed | points at it, and its nodes could not be replaced: a failed gate |
    | refused | is left as it was, for `reason` |
    | going back | may be put back at this moment, or was when somebody died |
    | rolled back | points at GKE's own template again |
    | stuck | could not be put back, for `reason` |

    `replaced`: all its nodes were made from the template that it points at; asked for under node policy `replace`
    alone. `memory`: what replacing its nodes has to remember between steps. `moved`: when it last came any further,
    seconds since the epoch.
    """

    group: str
    pool: str
    state: TargetState = "waiting"
    reason: str = ""
    found: bool = False
    replaced: bool = False
    memory: Mapping[str, Any] = {}
    moved: float = 0

    @property
    def in_hand(self) -> bool:
        """Nodes of it are being emptied: whoever stops has to open them again."""
        return bool(self.memory.get("drains"))

    @property
    def changed(self) -> bool:
        """It points at our template, and it or its nodes did not before."""
        return self.state == "mutated" and (not self.found or bool(self.memory.get("taken")))

    @property
    def touched(self) -> bool:
        """It points at our template, or may: what rolling back has to look at."""
        return self.state in TOUCHED and not self.found


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """Groups changed together. Times are seconds since the epoch, 0 for not yet. A wave is `unchanged` where all its
    groups were right already and the image needs no proof. `baseline`: how many nodes of its
    pools were NotReady when it began, None where nobody counted; `results`: what the gates said of it last."""

    name: str
    targets: tuple[Target, ...]
    began: float = 0
    verified: float = 0
    verdict: Verdict = ""
    baseline: int | None = None
    results: tuple[GateResult, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The environment's rollout policy as it was when the rollout was planned; gates, windows and freezes are read from
    the environment as it is. Seconds."""

    bake_seconds: float
    node_ready_seconds: float
    canary_node: bool
    roll_back_on_failure: bool
    node_policy: Literal["new-nodes-only", "replace"] = "new-nodes-only"
    max_unavailable: int = 1
    max_surge: int = 0
    drain_seconds: float = 3600


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One document.

    `kind`: a `roll-back` takes chosen groups off whatever image they are on, and nothing more; `chosen`: whether only
    groups that somebody named are in it; `proven_before`: whether an earlier rollout proved the image, so that where
    nothing is changed nothing has to be proved; `facts`: the image as Compute showed it when the wave began;
    `asked_time`: when the unsettled targets were last asked for;
    `canary`: the name of the extra node while it is in `canary_group`, `canary_time` when it was asked for, `tries` how
    many were given up, the next not before `retry_time`; `proved`: its name once it has done its work;
    `cause`: the id of the message that asked for the rollout; `commanded`: (publish time, message id) of the newest
    command obeyed, so that a late one is known as late; `obeyed`: the message ids of all, so that a repeat is known;
    `outbox`: records of transitions that are not told yet, `sequence` counts them; `moved`: when it last came to
    another phase or wave, was paused or went on; `trace`: of what began it.
    """

    id: str
    environment: str
    run_id: int
    image: str
    waves: tuple[Wave, ...]
    policy: Policy
    phase: Phase
    kind: Kind = "rollout"
    chosen: bool = False
    proven_before: bool = False
    wave: int = 0
    paused: bool = False
    facts: Mapping[str, Any] = {}
    asked_time: float = 0
    canary: str = ""
    canary_group: str = ""
    canary_time: float = 0
    tries: int = 0
    retry_time: float = 0
    proved: str = ""
    reason: str = ""
    excluded: dict[str, str] = {}
    requester: str = ""
    cause: str = ""
    commanded: tuple[str, str] = ("", "")
    obeyed: tuple[str, ...] = ()
    superseded_by: str = ""
    created: float = 0
    moved: float = 0
    outbox: tuple[Entry, ...] = ()
    sequence: int = 0
    trace: str = ""
    schema: int = SCHEMA

    @property
    def finished(self) -> bool:
        """Nothing more will happen by itself."""
        return self.phase in FINISHED

    @property
    def settled(self) -> bool:
        """Finished, nothing is under way or left behind, and all of it is recorded."""
        return self.finished and not self.canary and not self.outbox and not self.unsettled

    @property
    def proven(self) -> bool:
        """A node booted the image and was healthy until the bake of its wave ended."""
        return bool(self.proved) or any(wave.verdict == "passed" for wave in self.waves)

    @property
    def current(self) -> Wave:
        """The wave in hand."""
        return self.waves[self.wave]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The groups of all waves."""
        return tuple(target for wave in self.waves for target in wave.targets)

    @property
    def unsettled(self) -> tuple[Target, ...]:
        """The targets at which something is still to be done in this phase."""
        if self.phase == "mutating":
            among = self.current.targets
        elif self.phase == "rolling back" or self.finished:
            among = self.targets
        else:
            return ()
        return tuple(target for target in among if self.left_at(target))

    def left_to_do(self, target: Target) -> Todo:
        """What is still to be done at one target. A wave is given up at its first failure, so `failed` is settled."""
        if self.phase == "mutating" and all(each.group != target.group for each in self.current.targets):
            return ""
        return self.left_at(target)

    def begins_at(self, target: Target) -> bool:
        """Whether what is left to do at the target of this phase is not begun yet."""
        todo = self.left_at(target)
        return (todo == "mutate" and target.state == "waiting") or (
            todo == "roll back" and target.state != "going back"
        )

    def left_at(self, target: Target) -> Todo:
        """The same, of a target that is known to be of this phase: no search among a thousand."""
        whole = self.policy.node_policy == "new-nodes-only" or target.replaced
        if self.finished and target.state in ("changing", "going back"):
            return "look"
        if self.finished or self.paused:
            return "replace" if target.in_hand else ""
        if self.phase == "mutating":
            if target.state in ("waiting", "changing"):
                return "mutate"
            return "replace" if target.state == "mutated" and not whole else ""
        if self.phase == "rolling back":
            if target.touched and target.state != "stuck":
                return "roll back"
            return "replace" if target.in_hand or (target.state == "rolled back" and not whole) else ""
        return ""


def encode(rollout: Rollout) -> dict[str, Any]:
    """To the JSON of the store."""
    return dict(msgspec.to_builtins(rollout))


def decode(body: dict[str, Any]) -> Rollout:
    """From the JSON of the store, of schema 1 too; fields of a newer release are left aside."""
    return msgspec.structs.replace(msgspec.convert(body, Rollout), schema=SCHEMA)


def with_targets(rollout: Rollout, fresh: Mapping[str, Target]) -> Rollout:
    """The rollout with these targets, by group, in place of its own."""
    if not fresh:
        return rollout
    waves = tuple(
        msgspec.structs.replace(wave, targets=tuple(fresh.get(each.group, each) for each in wave.targets))
        for wave in rollout.waves
    )
    return msgspec.structs.replace(rollout, waves=waves)
