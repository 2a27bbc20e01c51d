"""What a gate says."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["passed", "unproven", "unknown", "not yet", "failed"]


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One gate's verdict on one wave, with a sentence. `unproven`: no node booted our image, so there is nothing to
    judge; `unknown`: nodes did, and nothing that can be read says yes or no, which neither passes nor fails a wave."""

    gate: str
    verdict: Verdict
    reason: str
