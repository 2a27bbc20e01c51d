"""How a rollout looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolwright.cli import screen

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
    """A head line, the reason, a line a wave; `whole`: the groups too."""
    phase = f"{found.phase}, paused" if found.paused else found.phase
    asked = f"asked for by {found.requester}" if found.requester else "by automation"
    yield screen.head(found.id, phase, f"{found.image}, {asked}", style=STYLES.get(found.phase, "changed"))
    if found.reason:
        yield screen.indented(f"{found.reason}.".replace("..", "."))
    yield ""
    yield _waves(found, whole=whole)


def _waves(found: RolloutSeen, *, whole: bool) -> RenderableType:
    table = screen.table("", "", "", "", show_header=False)

    def row(name: str, what: RenderableType, state: str, style: str, why: str = "", *, name_style: str = "") -> None:
        table.add_row(screen.text(name, name_style), what, screen.text(state, style), screen.text(why, "quiet"))

    for wave in found.waves:
        mark, style = _mark(wave)
        row(f"  {mark} {wave.name}", _progress(wave), wave.verdict, style, name_style=style if wave.current else "")
        for gate in wave.gates if wave.current else ():
            row(f"      {gate.gate}", "", gate.verdict, _VERDICTS[gate.verdict], gate.reason, name_style="quiet")
        for group in _listed(wave) if whole else _troubled(wave):
            zone = screen.text(group.zone, "quiet")
            row(f"      {group.group}", zone, group.state, _STATES[group.state], group.reason)
    return table


def _mark(wave: WaveSeen) -> tuple[str, str]:
    if wave.verdict == "passed":
        return "✔", "good"
    if wave.verdict == "failed":
        return "✘", "bad"
    if wave.verdict == "unproven":
        return "?", "refused"
    return ("●", "changed") if wave.current else ("·", "quiet")


def _progress(wave: WaveSeen) -> RenderableType:
    waits = all(group.state == "waiting" for group in wave.groups)
    return screen.text(_count(wave), "quiet" if waits else "")


def _count(wave: WaveSeen) -> str:
    """`2 changed, 1 refused, 2 waiting`."""
    states = Counter("changed" if group.state == "mutated" else group.state for group in wave.groups)
    return ", ".join(f"{count} {state}" for state, count in states.items())


def _listed(wave: WaveSeen) -> Iterator[GroupSeen]:
    """All groups of a small wave; of a large one those that somebody should look at."""
    yield from wave.groups if len(wave.groups) <= _MOST else _troubled(wave)


def _troubled(wave: WaveSeen) -> Iterator[GroupSeen]:
    yield from (group for group in wave.groups if group.state in _TROUBLE)


def in_a_line(found: RolloutSeen) -> str:
    """Where the rollout is, for a log: `dev-42  baking  wave 1: 2 of 2 changed  wave 1 bakes for 40 s more`."""
    current = next((wave for wave in found.waves if wave.current), None)
    where = f"{current.name}: {_count(current)}" if current else ""
    paused = ", paused" if found.paused else ""
    return "  ".join(part for part in (found.id, f"{found.phase}{paused}", where, found.reason) if part)
