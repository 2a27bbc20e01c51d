"""What a command costs that changes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from poolwright.events.rollout_command import RolloutCommand
from poolwright.rollouts.rollout import encode
from poolwright.services import known_rollouts, rollout_command
from poolwright.verdicts import Irrelevant
from tests.unit.rollouts.fleet import rollout
from tests.unit.services.conftest import Outside

SHARED = Path(__file__).parents[3] / "shared"
NOT_NEEDED = ("environments", "boot_images.image", "services.start_rollout", "services.roll_back_groups", "builds")


class NobodyReads:
    """The environments, which cost a cold start their YAML."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("an environment was read")


def test_a_late_start_reads_no_environment(outside: Outside) -> None:
    outside.environments = NobodyReads()  # type: ignore[assignment]
    known = encode(rollout()) | {"commanded": ["2026-11-21T12:00:00+00:00", "5"]}
    outside.store.put(known_rollouts.COLLECTION, "dev-42", known, version=None)
    late = RolloutCommand(
        message_id="4", publish_time=datetime(2026, 11, 21, 11, tzinfo=UTC), subscription="s", action="start",
        environment="dev", run_id=42, rollout=None, requester="ada", reason="",
    )  # fmt: skip
    with pytest.raises(Irrelevant, match="was obeyed already"):
        rollout_command.handle(late, outside.ports)


def test_what_only_a_start_needs_is_imported_by_a_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, poolwright.services.rollout_command; print(*sys.modules)"],
        env={"PYTHONPATH": str(SHARED)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert [each for each in NOT_NEEDED if f"poolwright.{each}" in found] == []
