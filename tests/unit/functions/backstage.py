"""What a test puts behind the functions in place of services and ports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import flask.testing

from tests.payloads.samples import PUBLISHED

ENTRY_POINTS = ("image_built", "node_pool_changed", "gpu_alert", "rollout_command", "step", "tick", "notify")

Serve = Callable[[str], flask.testing.FlaskClient]
Lines = Callable[[], list[dict[str, Any]]]


@dataclass
class Backstage:
    """What stands behind the functions: a test tells it what to answer, and reads what it was asked."""

    outcome: Callable[[Any], str] = lambda event: "done"
    now: float = PUBLISHED.timestamp() + 1
    broken_publisher: Exception | None = None
    broken_bootstrap: Exception | None = None
    handled: list[tuple[str, Any]] = field(default_factory=list)
    parked: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    @property
    def touched(self) -> bool:
        return bool(self.handled or self.parked)

    def ports(self) -> SimpleNamespace:
        if self.broken_bootstrap:
            raise self.broken_bootstrap
        clock = SimpleNamespace(now=lambda: self.now)
        return SimpleNamespace(publisher=self, dead_letter_topic="dead-letter", clock=clock)

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        if self.broken_publisher:
            raise self.broken_publisher
        self.parked.append((topic, data, dict(attributes or {})))
        return "1"

    def service(self, name: str) -> ModuleType:
        def handle(event: Any, ports: Any) -> str:
            assert ports.publisher == self
            self.handled.append((name, event))
            return self.outcome(event)

        module = ModuleType(f"poolwright.services.{name}")
        vars(module)["handle"] = handle
        return module
