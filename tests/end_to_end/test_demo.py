"""`python -m localcloud.demo` needs all there is: another world passes, and nothing may be missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.deployment import SUBSCRIPTIONS
from tests.end_to_end.deployed import PYTHON, ROOT, WORLDS

pytestmark = pytest.mark.slow

AT_ONCE = 2  # as many as CI has cores
SOON = ("--patience", "40")  # for one thing that does not come; the longest takes 10 alone
LONGEST_SECONDS = 300


@dataclass
class Demo:
    """A demo that plays by itself, on the embedded emulators."""

    process: subprocess.Popen[str]

    @classmethod
    def begin(cls, archive: Path, folder: Path, *options: str) -> Demo:
        command = [sys.executable, "-m", "localcloud.demo", "--archive", str(archive)]
        command += ["--python", str(PYTHON), "--folder", str(folder)]
        command += ["--pubsub", "embedded", "--firestore", "embedded", *options]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([".", "shared", "functions"])}  # as the Makefile has it
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return cls(process)

    def end(self) -> tuple[int, str]:
        """Its exit status and what it showed."""
        try:
            shown, _ = self.process.communicate(timeout=LONGEST_SECONDS)
        finally:
            self.process.terminate()
        return self.process.returncode, shown


def in_pairs(names: Iterable[str]) -> list[tuple[str, ...]]:
    rest = list(names)
    return [tuple(rest[at : at + AT_ONCE]) for at in range(0, len(rest), AT_ONCE)]


@pytest.mark.parametrize("names", in_pairs(each.name for each in SUBSCRIPTIONS), ids=" and ".join)
def test_the_demo_fails_without_any_one_subscription(archive: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    demos = {name: Demo.begin(archive, tmp_path / name, "--without", name, *SOON) for name in names}
    for name, (status, shown) in {name: demo.end() for name, demo in demos.items()}.items():
        assert status == 1, f"without {name}:\n{shown}"  # 2 would be a demo that could not be played at all
        assert "not as expected" in shown


def test_the_demo_of_another_world_with_another_seed_passes(archive: Path, tmp_path: Path) -> None:
    demo = Demo.begin(archive, tmp_path, "--state", str(WORLDS / "second.yaml"), "--seed", "5")
    status, shown = demo.end()
    assert status == 0, shown


def test_a_subscription_that_is_not_there_cannot_be_left_out(archive: Path, tmp_path: Path) -> None:
    status, shown = Demo.begin(archive, tmp_path, "--without", "steps").end()
    assert status == 2
    assert "choose from" in shown and "'step'" in shown
