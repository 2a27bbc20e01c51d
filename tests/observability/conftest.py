"""The lines that the functions print, and flows that make them print some."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from poolwright import logs
from tests.services.capacity.conftest import begin as begin_capacity  # noqa: F401
from tests.services.capacity.conftest import capacity_ground as capacity_ground
from tests.services.conftest import begin as begin
from tests.services.conftest import grounds as grounds

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The lines since the last call, as somebody gets them who wants to read errors alone."""
    names = ("", "google", "poolwright", "poolwright.metrics")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.level, list(each.handlers)) for each in loggers]
    monkeypatch.setenv("POOLWRIGHT_LOG_LEVEL", "ERROR")
    logs.configure()
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
