"""What goes wrong in a day, by dice of its own: zones run out of machines, nodes fail and are repaired, GPUs come late,
and a person cordons a node and opens it again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.days.outside import Sight

if TYPE_CHECKING:
    from tests.days.day import Day

MACHINES = ("g2-standard-24", "g2-standard-96")
ZONES = ("us-central1-a", "us-central1-b")
LATEST_GPUS = 420.0  # seconds from a Ready node to its GPUs
REPAIR_SECONDS = 600.0  # GKE repairs a node that has not been Ready for about ten minutes


@dataclass
class Mishaps:
    """They happen at `step`; `every` seconds in the mean."""

    dice: random.Random
    every: float = 1200.0
    failed: dict[str, float] = field(default_factory=dict)
    by_people: dict[str, float] = field(default_factory=dict)
    _next: float = 0.0
    _restock: list[tuple[float, str, str]] = field(default_factory=list)

    def step(self, day: Day, sight: Sight) -> None:
        """What is due."""
        self._next = self._next or sight.now + self.dice.expovariate(1 / self.every)
        self._mend(day, sight)
        if self._next <= sight.now:
            self._next = sight.now + self.dice.expovariate(1 / self.every)
            self.dice.choice((self._stockout, self._stockout, self._failure, self._lateness, self._cordon))(day, sight)

    def _stockout(self, day: Day, sight: Sight) -> None:
        zone, machine = self.dice.choice(ZONES), self.dice.choice(MACHINES)
        day.stock(zone, machine, 0)
        self._restock.append((sight.now + self.dice.uniform(600, 5400), zone, machine))

    def _failure(self, day: Day, sight: Sight) -> None:
        alive = sorted(name for name, node in sight.nodes.items() if node.serving and name not in self.by_people)
        if alive:
            name = self.dice.choice(alive)
            self.failed[name] = sight.now
            day.fail(name)

    def _lateness(self, day: Day, sight: Sight) -> None:
        day.late_gpus(self.dice.choice((60.0, 90.0, LATEST_GPUS)))

    def _cordon(self, day: Day, sight: Sight) -> None:
        open_ones = sorted(name for name, node in sight.nodes.items() if node.serving)
        if open_ones and not self.by_people:
            name = self.dice.choice(open_ones)
            self.by_people[name] = sight.now + self.dice.uniform(600, 3600)
            day.cordon(name, closed=True)

    def _mend(self, day: Day, sight: Sight) -> None:
        for due in [each for each in self._restock if each[0] <= sight.now]:
            self._restock.remove(due)
            if not any(each[1:] == due[1:] for each in self._restock):
                day.stock(due[1], due[2], None)
        for name, since in list(self.failed.items()):
            if sight.now - since >= REPAIR_SECONDS:
                day.repair(name)
                del self.failed[name]
        for name, until in list(self.by_people.items()):
            if name not in sight.nodes:
                del self.by_people[name]
            elif until <= sight.now:
                del self.by_people[name]
                day.cordon(name, closed=False)

    def end(self, day: Day, sight: Sight) -> None:
        """All is well from here on."""
        self._restock = [(0.0, *each[1:]) for each in self._restock]
        self.failed = dict.fromkeys(self.failed, 0.0)
        self.by_people = dict.fromkeys(self.by_people, 0.0)
        self._mend(day, sight)
        self._next = float("inf")
