"""The update policy of a managed instance group: defaults, and what Google refuses."""

from __future__ import annotations

from typing import Any

from localcloud.compute.disruption import LEVELS
from localcloud.compute.refusals import invalid
from localcloud.compute.resources import Resource

DEFAULTS = {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE", "replacementMethod": "SUBSTITUTE"}
CHOICES = {
    "type": ("OPPORTUNISTIC", "PROACTIVE"),
    "minimalAction": LEVELS,
    "mostDisruptiveAllowedAction": LEVELS,
    "replacementMethod": ("RECREATE", "SUBSTITUTE"),
}


def checked(given: dict[str, Any]) -> Resource:
    """A policy with its defaults; 400 for words that are none and for bounds under which nothing could move."""
    policy = DEFAULTS | given
    for field, words in CHOICES.items():
        check_word(f"resource.updatePolicy.{field}", policy.get(field), words)
    surge, unavailable = (_most(policy, field) for field in ("maxSurge", "maxUnavailable"))
    if policy["replacementMethod"] == "RECREATE" and "maxSurge" in policy and surge > 0:
        why = "Must be equal to 0 when replacement method is set to RECREATE."
        raise invalid("resource.updatePolicy.maxSurge", surge, why)
    if surge == unavailable == 0:
        why = "Either maxSurge or maxUnavailable must be greater than 0."
        raise invalid("resource.updatePolicy.maxUnavailable", unavailable, why)
    return policy


def check_word(field: str, word: str | None, words: tuple[str, ...]) -> None:
    """400 where a word is given and is none of these."""
    if word is not None and word not in words:
        raise invalid(field, word, f"Must be one of: {', '.join(words)}.")


def _most(policy: dict[str, Any], field: str) -> int:
    amount = policy.get(field) or {}
    value = int(amount.get("percent", amount.get("fixed", 1)))
    if value < 0:
        raise invalid(f"resource.updatePolicy.{field}", value, "Must be greater than or equal to 0")
    return value
