"""Whoever types what docs/quickstart.md says sees the demo come out as expected."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docs.newcomer import clone, commands, environment

pytestmark = pytest.mark.slow


def test_two_commands_show_the_whole_story(tmp_path: Path) -> None:
    script = commands("quickstart.md")
    assert len(script.splitlines()) == 2
    done = subprocess.run(
        ["bash", "-euc", script], cwd=clone(tmp_path), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "A boot image is built" in done.stdout
