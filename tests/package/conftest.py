"""What is built and installed here is built from a copy of the sources, never in the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import package

ROOT = Path(__file__).parents[2]

Copy = Callable[[str, int, float], Path]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.build(tmp_path_factory.mktemp("package") / "functions.zip")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of what git tracks, and of what is new, as somebody with this umask has it; its files are of that time."""

    def made(name: str, umask: int, time: float) -> Path:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        kept = ("functions/", "shared/", "environments/", "cloudbuild/", "tools/package.py")
        for each in sorted(filter(None, names), reverse=time > 1e9):  # folders list their files in another order
            if each.startswith(kept) or "/" not in each:
                _copy(ROOT / each, tmp_path / name / each, umask=umask, time=time)
        return tmp_path / name

    return made


def _copy(source: Path, target: Path, *, umask: int, time: float) -> None:
    if not source.is_file():  # deleted, and git does not know yet
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o666 & ~umask)
    os.utime(target, (time, time))
