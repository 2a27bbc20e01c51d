"""A rollout played from message to message, with a process that dies after any call that it makes outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poolwright.events.work import RolloutWork, TargetWork, Work
from poolwright.rollouts import plan
from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.rollout import Rollout, decode, encode
from poolwright.services import evidence, known_rollouts, mutate_group, released, step
from poolwright.verdicts import Irrelevant
from tests.unit.rollouts.fleet import IMAGE, node
from tests.unit.rollouts.fleet import rollout as planned
from tests.unit.services.conftest import Clock, Json, Outside, Store, environment
from tests.unit.services.test_change_target import Google, Killed

FACTS = {
    "selfLink": f"https://x/projects/acme-dev/global/images/{IMAGE}", "name": IMAGE, "family": "poolwright-dev",
    "status": "READY", "diskSizeGb": "100",
    "labels": {"poolwright-environment": "dev", "poolwright-run-id": "42", "poolwright-source-image": "gke-base"},
}  # fmt: skip


class Mortal:
    """Counts calls outside, and dies after one of them."""

    def __init__(self, at: int = -1) -> None:
        self.count, self.at = 0, at

    def call(self, do: Callable[[], Any]) -> Any:
        number, self.count = self.count, self.count + 1
        found = do()
        if number == self.at:
            raise Killed
        return found


class MortalStore(Store):
    mortal = Mortal()

    def put(self, collection: str, key: str, body: Json, *, version: int | None) -> int:
        return int(self.mortal.call(lambda: super(MortalStore, self).put(collection, key, body, version=version)))

    def delete(self, collection: str, key: str, *, version: int) -> None:
        self.mortal.call(lambda: super(MortalStore, self).delete(collection, key, version=version))


class Play:
    """One rollout from its beginning to its end; `healthy`: whether nodes of the image are."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, mortal: Mortal, *, healthy: bool) -> None:
        self.outside = Outside(store=MortalStore(folder / "store.db"), clock=Clock())
        self.outside.environments = (environment("dev", "acme-dev"),)
        self.google, self.mortal, self.healthy = Google(), mortal, healthy
        MortalStore.mortal = mortal
        monkeypatch.setattr(mutate_group, "bring_to_image", self._mortal(self.google.bring_to_image))
        monkeypatch.setattr(mutate_group, "go_on", lambda *_, **__: None)
        monkeypatch.setattr(mutate_group, "roll_back", self._mortal(self.google.roll_back))
        monkeypatch.setattr(mutate_group, "pool_of", lambda ports, ref, group: (None, None))
        monkeypatch.setattr(released, "facts", lambda *_: FACTS)
        monkeypatch.setattr(evidence, "gather", self._evidence)
        monkeypatch.setattr(evidence, "baseline", lambda *_: 0)
        monkeypatch.setattr(self.outside.publisher, "publish", self._mortal(self.outside.publisher.publish))

    def _mortal(self, act: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.mortal.call(lambda: act(*args, **kwargs))

    def _evidence(self, ports: Any, environment: Any, rollout: Rollout, *, now: float) -> Evidence:
        groups = [target.group for target in rollout.current.targets if target.group in self.google.ours]
        nodes = tuple(node(f"n{number}", group, healthy=self.healthy) for number, group in enumerate(groups))
        return Evidence(
            wave=rollout.current.name, now=now, image=IMAGE, node_ready_seconds=600, nodes=nodes, baseline=0
        )

    def play(self) -> None:
        zones = "projects/acme-dev/zones/us-central1-a/instanceGroupManagers"
        pool = "projects/acme-dev/locations/us-central1/clusters/serving/nodePools/l4"
        targets = [
            msgspec.structs.replace(each, pool=pool, group=f"{zones}/g{n}")
            for n, each in enumerate(planned(groups=3).targets)
        ]
        begins = msgspec.structs.replace(
            planned(), waves=plan.waves(targets, fractions=(1.0,)), created=self.outside.clock.now()
        )
        start_rollout_safely(self, begins)
        for _ in range(60):
            self.deliver()
            if self.rollout.settled:
                return
            self.outside.clock.time += 60
            self.queue.append(RolloutWork(rollout="dev-42", cause="tick"))
        raise AssertionError(f"no end: {self.rollout.phase}: {self.rollout.reason}")

    queue: deque[Work]

    def deliver(self) -> None:
        """Every message that is under way, again where somebody died at it."""
        while self.queue:
            item = self.queue.popleft()
            before = len(self.outside.publisher.sent)
            try:
                step.handle(item, self.outside.ports)
            except Irrelevant:
                pass
            except Killed:
                self.outside.clock.time += 100  # his leases end
                self.queue.append(item)
            self.queue += [_read(each) for each in self.outside.publisher.sent[before:]]

    @property
    def rollout(self) -> Rollout:
        stored = self.outside.store.get(known_rollouts.COLLECTION, "dev-42")
        assert stored is not None
        return decode(stored.body)

    def came_to(self) -> Json:
        """What is to be the same however often somebody died."""
        records = [each.body for each in self.outside.store.all("records") if each.body["subject"] == "dev-42"]
        told = sorted(records, key=lambda each: (each["at"], each["what"]))
        return {
            "phase": self.rollout.phase,
            "verdicts": [wave.verdict for wave in self.rollout.waves],
            "states": [target.state for target in self.rollout.targets],
            "records": sorted((each["what"], each["before"], each["after"]) for each in told),
            "done": sorted(self.google.done),
            "ours": sorted(self.google.ours),
            "environment": {key: value for key, value in self.environment.items() if key not in ("record", "sequence")},
        }

    @property
    def environment(self) -> Json:
        stored = self.outside.store.get("environments", "dev")
        return stored.body if stored else {}


def start_rollout_safely(play: Play, begins: Rollout) -> None:
    """As it is stored by whoever starts it; that is not what dies here."""
    mortal, MortalStore.mortal = MortalStore.mortal, Mortal()
    play.outside.store.put(known_rollouts.COLLECTION, begins.id, encode(begins), version=None)
    MortalStore.mortal = mortal
    play.queue = deque([RolloutWork(rollout=begins.id, cause="started")])


def _read(body: Json) -> Work:
    kinds: dict[str, Any] = {"rollout": RolloutWork, "target": TargetWork}
    return kinds[body["kind"]](**{key: value for key, value in body.items() if key != "kind"})  # type: ignore[no-any-return]


@pytest.mark.parametrize("healthy", [True, False], ids=["a good image", "a bad image"])
def test_a_rollout_comes_to_the_same_end_whenever_somebody_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: bool
) -> None:
    alive = Mortal()
    clean = Play(_folder(tmp_path, "clean"), monkeypatch, alive, healthy=healthy)
    clean.play()
    expected = clean.came_to()
    assert expected["phase"] == ("done" if healthy else "rolled back")
    assert alive.count > 50
    wrong = []
    for number in range(alive.count):  # before the next call is no other moment than after this one
        struck = Play(_folder(tmp_path, f"{number}"), monkeypatch, Mortal(number), healthy=healthy)
        struck.play()
        if (found := struck.came_to()) != expected:
            wrong.append((number, found))
    assert wrong == []


def test_the_records_of_a_rollout_are_told_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(_folder(tmp_path, "clean"), monkeypatch, Mortal(), healthy=True)
    play.play()
    told = [each["what"] for each in play.outside.publisher.told if each["subject"] == "dev-42"]
    assert told == [
        "verifying: canary",
        "baking: canary",
        "mutating: wave 1",
        "verifying: wave 1",
        "baking: wave 1",
        "done: wave 1",
    ]


def test_a_roll_back_touches_what_was_changed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(_folder(tmp_path, "clean"), monkeypatch, Mortal(), healthy=False)
    play.play()
    assert [what for what, _ in play.google.done] == ["change", "put back"]
    assert len({group for _, group in play.google.done}) == 1
    assert list(play.environment["held"]) == [play.google.done[0][1]]


def _folder(path: Path, name: str) -> Path:
    found = path / name
    found.mkdir()
    return found
