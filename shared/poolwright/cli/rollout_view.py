"""How a rollout looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolwright.cli import reasons, screen

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.services.rollout_seen import GroupSeen, RolloutSeen, WaveSeen

STYLES = {
    "done": "good", "rolled back": "refused", "failed": "bad", "aborted": "refused", "superseded": "quiet",
    "rolling back": "refused", "offered": "changed",
}  # fmt: skip
_STATES = {
    "mutated": "good", "waiting": "quiet", "changing": "changed", "going back": "changed", "rolled back": "refused",
    "refused": "refused", "failed": "bad", "stuck": "bad",
}  # fmt: skip
_VERDICTS = {"passed": "good", "failed": "bad", "unproven": "refused", "unknown": "refused", "not yet": "quiet"}
_TROUBLE = ("refused", "failed", "stuck")
_MOST = 12  # groups of a wave that are listed one by one


def rendered(found: RolloutSeen, *, whole: bool = True) -> Iterator[RenderableType]:
    """Where it is and why, its waves, what the gates say, and what went wrong; `whole`: each group too."""
    phase = f"{found.phase}, paused" if found.paused else found.phase
    yield screen.head(found.id, phase, style=STYLES.get(found.phase, "changed"))
    if found.reason:
        yield screen.indented(f"{found.reason}.".replace("..", "."))
    asked = f"asked for by {found.requester}" if found.requester else "by automation"
    yield screen.indented(f"run {found.run_id}, {found.image}, {asked}", style="quiet")
    yield ""
    yield _waves(found, whole=whole)
    yield from _gates(found)
    yield from _trouble(found)


def _waves(found: RolloutSeen, *, whole: bool) -> RenderableType:
    table = screen.table("", "", "", show_header=False)
    for wave in found.waves:
        mark, style = _mark(wave)
        waits = all(group.state == "waiting" for group in wave.groups)
        table.add_row(
            screen.text(f"  {mark} {wave.name}", style if wave.current else ""),
            screen.text(wave.verdict, style),
            screen.text(_count(wave), "quiet" if waits else ""),
        )
        for group in _listed(wave) if whole else ():
            state = screen.text(group.state, _STATES[group.state])
            table.add_row(f"      {group.group}", screen.text(group.zone, "quiet"), state)
    return table


def _gates(found: RolloutSeen) -> Iterator[RenderableType]:
    """What the gates said last of the wave in hand, or of the one that failed."""
    judged = [wave for wave in found.waves if wave.gates and (wave.current or wave.verdict == "failed")]
    for wave in judged[-1:]:
        table = screen.table(f"gates of {wave.name}", "", "")
        for gate in wave.gates:
            table.add_row(
                gate.gate, screen.text(gate.verdict, _VERDICTS[gate.verdict]), screen.text(gate.reason, "quiet")
            )
        yield ""
        yield screen.aside(table)


def _trouble(found: RolloutSeen) -> Iterator[RenderableType]:
    """Why groups are not where they should be."""
    groups = [group for wave in found.waves for group in wave.groups if group.state in _TROUBLE]
    if groups:
        yield ""
        yield screen.aside(reasons.table((group.state, group.reason, group.group) for group in groups))


def _mark(wave: WaveSeen) -> tuple[str, str]:
    if wave.verdict == "passed":
        return "✔", "good"
    if wave.verdict == "failed":
        return "✘", "bad"
    if wave.verdict == "unproven":
        return "?", "refused"
    if wave.verdict == "unchanged":
        return "=", "quiet"
    return ("●", "changed") if wave.current else ("·", "quiet")


def _count(wave: WaveSeen) -> str:
    """`2 changed, 1 refused, 2 waiting`."""
    states = Counter("changed" if group.state == "mutated" else group.state for group in wave.groups)
    return ", ".join(f"{count} {state}" for state, count in states.items())


def _listed(wave: WaveSeen) -> Iterator[GroupSeen]:
    """All groups of a small wave; of a large one those that somebody should look at."""
    few = len(wave.groups) <= _MOST
    yield from (group for group in wave.groups if few or group.state in _TROUBLE)


def in_a_line(found: RolloutSeen) -> str:
    """Where the rollout is, for a log: `dev-42  baking  wave 1: 2 of 2 changed  wave 1 bakes for 40 s more`."""
    current = next((wave for wave in found.waves if wave.current), None)
    where = f"{current.name}: {_count(current)}" if current else ""
    paused = ", paused" if found.paused else ""
    return "  ".join(part for part in (found.id, f"{found.phase}{paused}", where, found.reason) if part)
