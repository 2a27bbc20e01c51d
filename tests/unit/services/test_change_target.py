"""The groups of a wave side by side: one message each, whoever dies, and whatever a person says meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from poolwright.events.work import RolloutWork, TargetWork
from poolwright.rollouts.rollout import Phase, Rollout, Target, Wave, decode, encode
from poolwright.services import known_rollouts, mutate_group, progress, step
from poolwright.services.mutate_group import Outcome
from poolwright.verdicts import Busy, Irrelevant
from tests.unit.rollouts.fleet import rollout as planned
from tests.unit.services.conftest import Outside, environment

ZONES = tuple(f"us-central1-{letter}" for letter in "abcdef")


class Killed(Exception):
    """The process is gone."""


@dataclass
class Google:
    """What was done to which group; `during` happens while a group is being changed."""

    done: list[tuple[str, str]] = field(default_factory=list)
    ours: set[str] = field(default_factory=set)
    during: Callable[[], None] | None = None

    def bring_to_image(self, ports: Any, *, group: Any, **_: Any) -> Outcome:
        if str(group) in self.ours:
            return Outcome("already right", "it is there")
        self.done.append(("change", str(group)))
        self.ours.add(str(group))
        if act := self.during:
            self.during = None
            act()
        return Outcome("changed", "it was elsewhere")

    def roll_back(self, ports: Any, *, group: Any, **_: Any) -> Outcome:
        if str(group) not in self.ours:
            return Outcome("already right", "it is back")
        self.done.append(("put back", str(group)))
        self.ours.discard(str(group))
        return Outcome("changed", "it was on ours")


@pytest.fixture
def google(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> Google:
    outside.environments = (environment("dev", "acme-dev"),)
    found = Google()
    monkeypatch.setattr(mutate_group, "bring_to_image", found.bring_to_image)
    monkeypatch.setattr(mutate_group, "roll_back", found.roll_back)
    monkeypatch.setattr(mutate_group, "pool_of", lambda ports, ref, group: (None, None))
    return found


def under_way(outside: Outside, *, groups: int, phase: Phase = "mutating") -> Rollout:
    """A rollout of one wave that has begun and whose groups were asked for."""
    pool = "projects/acme-dev/locations/us-central1/clusters/serving/nodePools/l4"
    targets = tuple(
        Target(group=f"projects/acme-dev/zones/{ZONES[index % 6]}/instanceGroupManagers/g{index}", pool=pool)
        for index in range(groups)
    )
    image = {
        "selfLink": "https://x/projects/acme-dev/global/images/poolwright-dev-42", "name": "poolwright-dev-42",
        "labels": {
            "poolwright-environment": "dev", "poolwright-run-id": "42", "poolwright-source-image": "gke-base",
        },
    }  # fmt: skip
    wave = Wave(name="wave 1", targets=targets, began=outside.clock.now())
    found = msgspec.structs.replace(
        planned(), waves=(wave,), phase=phase, facts=image, asked_time=outside.clock.now(), created=outside.clock.now()
    )
    outside.store.put(known_rollouts.COLLECTION, found.id, encode(found), version=None)
    return found


def change(outside: Outside, **fields: Any) -> None:
    """Somebody changes the rollout's document."""
    stored = outside.store.get(known_rollouts.COLLECTION, "dev-42")
    assert stored is not None
    changed = msgspec.structs.replace(decode(stored.body), **fields)
    outside.store.put(known_rollouts.COLLECTION, "dev-42", encode(changed), version=stored.version)


def take(outside: Outside, target: Target) -> str:
    return step.handle(TargetWork(rollout="dev-42", group=target.group, cause="test"), outside.ports)


def states(outside: Outside) -> list[str]:
    stored = outside.store.get(known_rollouts.COLLECTION, "dev-42")
    assert stored is not None
    return [target.state for target in progress.merged(outside.ports, decode(stored.body)).targets]


def work(outside: Outside) -> Counter[str]:
    return Counter(each["kind"] for each in outside.publisher.sent)


@pytest.mark.parametrize("groups", [1, 7, 100])
def test_however_many_groups_end_together_the_rollout_is_asked_to_go_on_once(
    outside: Outside, google: Google, groups: int
) -> None:
    targets = list(under_way(outside, groups=groups).targets)
    random.Random(7).shuffle(targets)
    for target in targets:
        take(outside, target)
    assert states(outside) == ["mutated"] * groups
    assert work(outside) == {"rollout": 1}


def test_reads_of_other_targets_stay_in_proportion_to_the_groups(
    outside: Outside, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Counter[str] = Counter()
    get = outside.store.get
    monkeypatch.setattr(
        outside.store, "get", lambda collection, key: (reads.update([collection]), get(collection, key))[1]
    )
    targets = list(under_way(outside, groups=200).targets)
    random.Random(7).shuffle(targets)
    for target in targets:
        take(outside, target)
    assert reads["targets"] < 200 * 10


def test_a_failed_target_asks_at_once(outside: Outside, google: Google) -> None:
    first, *_ = under_way(outside, groups=5).targets
    stored = msgspec.structs.replace(first, state="failed", reason="it would not drain")
    progress.save(outside.ports, planned(), stored, None)
    take(outside, first)
    assert work(outside) == {"rollout": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"phase": "aborted"},
        {"phase": "superseded"},
        {"phase": "rolling back"},
        {"phase": "failed"},
        {"paused": True},
    ],
    ids=lambda fields: str(next(iter(fields.values()))),
)
class TestARolloutThatIsStopped:
    def test_before_a_late_message_comes_changes_nothing_more(
        self, outside: Outside, google: Google, fields: dict[str, Any]
    ) -> None:
        target = under_way(outside, groups=2).targets[0]
        change(outside, **fields)
        take(outside, target)
        assert (google.done, states(outside)) == ([], ["waiting", "waiting"])

    def test_just_before_a_group_is_changed_changes_nothing_more(
        self, outside: Outside, google: Google, fields: dict[str, Any]
    ) -> None:
        target = under_way(outside, groups=2).targets[0]
        outside.store.before["targets"] = lambda: change(outside, **fields)
        take(outside, target)
        assert (google.done, states(outside)) == ([], ["waiting", "waiting"])

    def test_while_a_group_is_changed_knows_of_it(
        self, outside: Outside, google: Google, fields: dict[str, Any]
    ) -> None:
        target = under_way(outside, groups=2).targets[0]
        seen: list[list[str]] = []

        def stop() -> None:
            change(outside, **fields)
            seen.append(states(outside))

        google.during = stop
        take(outside, target)
        assert seen == [["changing", "waiting"]]
        assert states(outside) == ["mutated", "waiting"]


def test_a_group_that_was_changed_while_the_rollout_turned_back_is_put_back(outside: Outside, google: Google) -> None:
    target = under_way(outside, groups=2).targets[0]
    google.during = lambda: change(outside, phase="rolling back", asked_time=0)
    take(outside, target)
    step.handle(RolloutWork(rollout="dev-42", cause="test"), outside.ports)
    asked = [each["group"] for each in outside.publisher.sent if each["kind"] == "target"]
    assert target.group in asked
    take(outside, target)
    assert (google.ours, states(outside)) == (set(), ["rolled back", "waiting"])


def test_whoever_dies_after_the_change_is_followed_by_one_who_takes_it_for_ours(
    outside: Outside, google: Google
) -> None:
    target = under_way(outside, groups=1).targets[0]

    def die() -> None:
        raise Killed

    google.during = die
    with pytest.raises(Killed):
        take(outside, target)
    take(outside, target)
    stored = outside.store.get("targets", f"dev-42|{target.group}")
    assert stored is not None
    assert (stored.body["state"], stored.body["found"]) == ("mutated", False)
    assert google.done == [("change", target.group)]


def test_a_group_that_is_there_already_was_not_changed_by_us(outside: Outside, google: Google) -> None:
    target = under_way(outside, groups=1).targets[0]
    google.ours.add(target.group)
    take(outside, target)
    change(outside, phase="rolling back")
    take(outside, target)
    assert google.done == []


def test_somebody_died_and_the_rollout_was_aborted_so_it_is_only_looked_at(outside: Outside, google: Google) -> None:
    target = under_way(outside, groups=1).targets[0]
    progress.save(outside.ports, planned(), msgspec.structs.replace(target, state="changing"), None)
    change(outside, phase="aborted")
    outside.compute.group = lambda ref: {"instanceTemplate": "x/gke-serving-l4-pw-42-0123456789"}
    take(outside, target)
    assert (google.done, states(outside)) == ([], ["mutated"])


def test_a_group_in_other_hands_is_left_to_the_next_tick(outside: Outside, google: Google) -> None:
    from poolwright.references import GroupRef
    from poolwright.services import leases

    target = under_way(outside, groups=1).targets[0]
    leases.take(outside.ports, leases.of_group(GroupRef.parse(target.group)), holder="a drain", seconds=600)
    assert "left to whoever is at it" in take(outside, target)
    assert (google.done, states(outside)) == ([], ["waiting"])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Busy("GKE is working on l4 (RECONCILING)"), "GKE is working on l4 (RECONCILING)"),
        (PermissionError("403 no actAs on nodes@acme"), "PermissionError: 403 no actAs on nodes@acme"),
    ],
    ids=["busy", "forbidden"],
)
def test_what_keeps_a_group_stands_in_its_reason_until_it_goes_on(
    outside: Outside, google: Google, wrong: Exception, reason: str
) -> None:
    target = under_way(outside, groups=1).targets[0]

    def fail() -> None:
        google.ours.clear()
        raise wrong

    google.during = fail
    with pytest.raises(type(wrong)):
        take(outside, target)
    found, _ = progress.load(outside.ports, planned(), target.group)
    assert (found.state, found.reason) == ("changing", reason)
    take(outside, target)
    found, _ = progress.load(outside.ports, planned(), target.group)
    assert (found.state, found.reason) == ("mutated", "it was elsewhere")


def test_two_messages_for_one_group_change_it_once(outside: Outside, google: Google) -> None:
    target = under_way(outside, groups=1).targets[0]
    google.during = lambda: take(outside, target)  # type: ignore[assignment]
    take(outside, target)
    take(outside, target)
    assert google.done == [("change", target.group)]


def test_a_group_that_the_rollout_does_not_have_concerns_nobody(outside: Outside, google: Google) -> None:
    under_way(outside, groups=1)
    stranger = Target(group="projects/acme-dev/zones/us-central1-a/instanceGroupManagers/other", pool="p")
    with pytest.raises(Irrelevant, match="has no group"):
        take(outside, stranger)
    with pytest.raises(Irrelevant, match="there is no rollout"):
        step.handle(TargetWork(rollout="gone", group=stranger.group, cause=""), outside.ports)


def test_a_target_that_somebody_else_wrote_meanwhile_is_tried_again(outside: Outside, google: Google) -> None:
    target = under_way(outside, groups=1).targets[0]
    outside.store.before["targets"] = lambda: progress.save(outside.ports, planned(), target, None)  # type: ignore[assignment]
    with pytest.raises(Busy):
        take(outside, target)
    assert google.done == []
