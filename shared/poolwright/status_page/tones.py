"""How a word of ours is meant: well, under way, of no account, worth a look, or wrong. The page colours by it, and says
the word too."""

from __future__ import annotations

from typing import Literal

Tone = Literal["good", "busy", "quiet", "warn", "bad"]

_TONES: dict[Tone, frozenset[str]] = {
    "good": frozenset({"right", "done", "passed", "mutated", "RUNNING", "Running", "True", "act"}),
    "busy": frozenset(
        {"mutating", "verifying", "baking", "changing", "going back", "offered", "Working", "Growing",
         "Shrinking", "PROVISIONING", "RECONCILING", "offer"}
    ),
    "quiet": frozenset(
        {"as it is", "excluded", "waiting", "not begun", "superseded", "unchanged", "not yet", "observe", ""}
    ),
    "bad": frozenset({"failed", "stuck", "ERROR", "stopped", "False"}),
}  # fmt: skip


def tone(word: str) -> Tone:
    """Of what is not known here: worth a look."""
    return next((each for each, words in _TONES.items() if word in words), "warn")
