"""Whether this machine's clock is right: tokens, freezes and the age of metrics are judged by it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight

says = Says("clocks")
MOST = 30.0  # seconds; a signed assertion that is older or newer by minutes is refused


def check(sight: Sight) -> Iterator[Finding]:
    """Against the Date of Google's answers; the middle one, as an answer may be slow."""
    if not sight.offsets:
        yield says.unknown("this machine", Unknown("no answer of Google's told the time", "Try again in a minute"))
        return
    ahead = median(sight.offsets)
    if abs(ahead) > MOST:
        what = f"its clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} Google's"
        yield says.problem("this machine", what, "Set it by NTP: timedatectl set-ntp true")
    else:
        yield from says.or_ok((), "this machine", "its clock agrees with Google's")
