"""Whatever order messages, commands, nodes and time come in, a rollout comes to an end or says why it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hypothesis import event, given, settings
from hypothesis import strategies as st

from poolwright.rollouts.commands import Action, NotNow, obey
from poolwright.rollouts.rollout import Rollout, Target
from tests.unit.rollouts.fleet import Fleet, node, rollout

Happening = Literal[
    "step", "deliver first", "deliver last", "deliver twice", "lose", "tick", "pause", "resume", "abort", "rollback",
    "a node boots", "a node goes", "no room", "room", "image is bad", "close", "open",
]  # fmt: skip
HAPPENINGS: tuple[Happening, ...] = Happening.__args__  # type: ignore[attr-defined]
OFTEN: tuple[Happening, ...] = ("step", "deliver first", "tick")
COMMANDS: dict[str, Action] = {"pause": "pause", "resume": "resume", "abort": "abort", "rollback": "rollback"}


@dataclass
class Watched(Fleet):
    """A fleet that remembers what was ever changed, and objects to a wave that passes for nothing."""

    sent: int = 0
    ever: set[str] = field(default_factory=set)

    def happens(self, what: Happening) -> None:
        if what == "step":
            self.watched_step()
        elif what.startswith("deliver") and self.asked:
            target = self.asked.pop(-1 if what == "deliver last" else 0)
            self.watched_change(target)
            if what == "deliver twice":
                self.watched_change(target)
        elif what == "lose":
            self.asked.clear()
        elif what == "tick":
            self.now += 60
            self.watched_step()
        elif what in COMMANDS:
            self.command(COMMANDS[what])
        elif what == "a node boots" and self.on_ours:
            self.nodes[f"n{len(self.nodes)}"] = node(f"n{len(self.nodes)}", min(self.on_ours), since=self.now)
        elif what == "a node goes" and self.nodes:
            self.nodes.pop(min(self.nodes))
        elif what in ("no room", "room"):
            self.room = what == "room"
        elif what == "image is bad":
            self.healthy = False
        elif what in ("close", "open"):
            self.closed = "Frozen." if what == "close" else ""

    def command(self, action: Action) -> None:
        self.sent += 1
        try:
            self.rollout = obey(self.live, action, sent=(f"2026-{self.sent:06}", str(self.sent)), who="ada")
        except NotNow:
            return

    def watched_step(self) -> None:
        seen, before = self.seen(), self.live
        proved = before.proved
        if before.canary and seen:
            canary_healthy = any(each.name == before.canary and each.healthy for each in seen.nodes)
        else:
            canary_healthy = False
        self.step()
        if self.rollout.proved != proved:
            assert canary_healthy, "a canary node proved the image, and it was not healthy"
        for was, wave in zip(before.waves, self.rollout.waves, strict=False):
            if wave.verdict == "passed" and was.verdict != "passed":
                healthy = seen is not None and any(each.healthy for each in seen.nodes)
                assert healthy or self.rollout.proved, f"{wave.name} passed, and no healthy node was seen"

    def watched_change(self, target: Target) -> None:
        before = set(self.on_ours)
        self.change(target)
        gone = before - self.on_ours
        assert gone <= self.ever
        self.ever |= self.on_ours

    def calm_down(self) -> Rollout:
        """Nothing is lost any more, and ticks come."""
        for _ in range(400):
            if self.rollout.settled:
                break
            self.now += 20
            self.watched_step()
            while self.asked:
                self.watched_change(self.asked.pop(0))
        return self.live


@settings(max_examples=300)
@given(
    groups=st.integers(1, 7),
    canary=st.booleans(),
    goes_back=st.booleans(),
    refuses=st.sets(st.integers(0, 6)),
    happenings=st.lists(st.sampled_from(HAPPENINGS + OFTEN * 8), max_size=80),
)
def test_every_rollout_ends_or_says_why_it_holds(
    groups: int, canary: bool, goes_back: bool, refuses: set[int], happenings: list[Happening]
) -> None:
    fleet = Watched(
        rollout(groups=groups, canary=canary, roll_back=goes_back), refuses=frozenset(f"g{each}" for each in refuses)
    )
    for each in happenings:
        fleet.happens(each)
    end = fleet.calm_down()
    event(end.phase if not end.paused else "paused")
    if end.settled:
        expect_end(end, fleet)
    elif end.paused:
        pass
    elif end.phase == "verifying":
        assert "unproven" in end.reason
        assert not canary or not fleet.room
    else:
        assert (end.phase, fleet.closed) == ("mutating", "Frozen.")
        assert "waits. Frozen." in end.reason


def expect_end(end: Rollout, fleet: Watched) -> None:
    states = {target.group: target.state for target in end.targets}
    assert not end.canary
    assert not any(name.startswith("node-") for name in fleet.nodes)  # canary nodes
    if end.phase == "rolled back":
        assert not fleet.on_ours
    if end.phase == "done":
        assert end.proven
        assert end.waves[0].verdict in ("passed", "unproven")
        assert set(states.values()) <= {"mutated", "refused"}
    for group in fleet.on_ours:
        assert states[group] in ("mutated", "failed")
    for group in states.keys() - fleet.ever:
        assert states[group] in ("waiting", "refused")


@settings(max_examples=100)
@given(groups=st.integers(1, 7), happenings=st.lists(st.sampled_from(HAPPENINGS + OFTEN * 8), max_size=60))
def test_what_is_aborted_is_left_as_it_is(groups: int, happenings: list[Happening]) -> None:
    fleet = Watched(rollout(groups=groups))
    for each in happenings:
        fleet.happens(each)
    if fleet.rollout.finished:
        return
    fleet.command("abort")
    before = set(fleet.on_ours)
    fleet.calm_down()
    assert fleet.live.phase == "aborted"
    assert fleet.on_ours == before


@settings(max_examples=100)
@given(groups=st.integers(1, 7), happenings=st.lists(st.sampled_from(HAPPENINGS + OFTEN * 8), max_size=60))
def test_a_roll_back_on_command_leaves_nothing_on_the_image(groups: int, happenings: list[Happening]) -> None:
    fleet = Watched(rollout(groups=groups))
    for each in happenings:
        fleet.happens(each)
    fleet.command("rollback")
    assert fleet.calm_down().phase == "rolled back"
    assert not fleet.on_ours
