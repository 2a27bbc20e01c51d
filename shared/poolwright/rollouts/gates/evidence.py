"""What a wave shows at one moment: plain values, read by the service, judged by the gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from poolwright.rollouts.gates.result import GateResult

Held = Literal["hit", "miss", "unknown"]


@dataclass(frozen=True)
class BootedNode:
    """A member of a changed group that was made from our template of the run since the wave began.

    `registered`: a node of that name is there and is that very VM; `gpus` allocatable of `gpus_expected`, `gpus_free`
    of them not asked for by pods; `errors` of its creation, as `CODE: message`; `since` (seconds since the epoch): when
    it was made, infinite while it has no boot disk: what is not made is not late; `booted`: the name of the image of
    its boot disk, empty while that is not known; `cluster`: a path; `cache`: what is known of each container that the
    image is pre-loaded with.
    """

    name: str
    group: str
    registered: bool
    ready: bool
    gpus: int
    gpus_expected: int
    errors: tuple[str, ...] = ()
    since: float = 0.0
    booted: str = ""
    accelerator: str = ""
    cluster: str = ""
    gpus_free: int = 0
    cache: Mapping[str, Held] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Ready, with all its GPUs."""
        return self.registered and self.ready and self.gpus >= self.gpus_expected


@dataclass(frozen=True, kw_only=True)
class SmokeRun:
    """A smoke Job that the wave must show. `number`: which of the environment's Jobs it is of; `job`: its name in
    `namespace` of `cluster` (a path); `gpus`: how many its pod asks for; `reason`: why it failed or waits."""

    number: int
    accelerator: str
    state: Literal["wanted", "running", "passed", "failed"]
    reason: str = ""
    job: str = ""
    node: str = ""
    cluster: str = ""
    namespace: str = ""
    gpus: int = 0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """`not_ready`: NotReady nodes of the wave's pools that are neither new nor drained by us; `baseline`: how many
    there were when the wave began, None where nobody counted; `containers` and `smoke` are empty where those gates are
    not asked for; `kept`: what the gates said of this wave before."""

    wave: str
    now: float
    image: str
    node_ready_seconds: float
    nodes: tuple[BootedNode, ...] = ()
    containers: tuple[str, ...] = ()
    smoke: tuple[SmokeRun, ...] = ()
    not_ready: tuple[str, ...] = ()
    baseline: int | None = None
    not_ready_rise: int = 0
    kept: tuple[GateResult, ...] = ()
