"""The functions as functions-framework serves them, with everything behind them played."""

import json
import os
import sys
from collections.abc import Iterator
from logging import getLogger
from pathlib import Path
from types import ModuleType
from typing import Any

import functions_framework
import pytest

import poolwright
from poolwright import services
from tests.unit.functions.backstage import ENTRY_POINTS, Backstage, Lines, Serve

MAIN = Path(__file__).parents[3] / "functions" / "main.py"


@pytest.fixture
def backstage(monkeypatch: pytest.MonkeyPatch) -> Backstage:
    stage = Backstage()
    bootstrap = ModuleType("poolwright.bootstrap")
    vars(bootstrap)["ports"] = stage.ports
    monkeypatch.setitem(sys.modules, bootstrap.__name__, bootstrap)
    monkeypatch.setattr(poolwright, "bootstrap", bootstrap, raising=False)
    for name in ENTRY_POINTS:
        service = stage.service(name)
        monkeypatch.setitem(sys.modules, service.__name__, service)
        monkeypatch.setattr(services, name, service, raising=False)
    return stage


@pytest.fixture
def serve(backstage: Backstage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves one entry point of functions/main.py, by the framework's own code."""
    root, ours = getLogger(), getLogger("poolwright")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda target: functions_framework.create_app(target, str(MAIN)).test_client()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The log lines for people written since the last call; each, like those that only count, must be JSON."""

    def read() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line for line in lines if "metric" not in line]

    return read
