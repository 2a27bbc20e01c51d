"""All gates, asked in order, and what their answers come to: pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from poolwright.rollouts.gates import cache_hit, gpus, image, not_ready, ready, smoke
from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.gates.result import GateResult

Gate = Callable[[Evidence], GateResult | None]
GATES: tuple[Gate, ...] = (
    not_ready.judge, ready.judge, image.judge, gpus.judge, cache_hit.judge, smoke.judge,
)  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What the gates come to: the first that failed, else the first that waits, else `unproven` where no node booted
    our image. `results`: what each gate that was asked said."""

    verdict: Literal["passed", "unproven", "not yet", "failed"]
    reason: str
    results: tuple[GateResult, ...]


def judge(seen: Evidence) -> Judgement:
    """The wave by all its gates. What is unknown neither passes nor fails it, but is named."""
    answers = [gate(seen) for gate in GATES]
    results = tuple(answer for answer in answers if answer is not None)
    verdicts: tuple[Literal["failed", "not yet", "unproven"], ...] = ("failed", "not yet", "unproven")
    for verdict in verdicts:
        for result in results:
            if result.verdict == verdict:
                return Judgement(verdict, result.reason, results)
    count = len(seen.nodes)
    text = f"{count} of {count} nodes of {seen.wave} booted the image and are healthy"
    doubts = [f"{result.gate} is unknown: {result.reason}" for result in results if result.verdict == "unknown"]
    return Judgement("passed", "; ".join([text, *doubts]), results)
