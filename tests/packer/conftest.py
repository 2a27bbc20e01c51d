"""A registry for all tests, and a machine for each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packer.machine import Machine, Registry, machine, missing


@pytest.fixture(scope="session", autouse=True)
def everything_is_here() -> None:
    """Skips with what is missed where it is not."""
    if why := missing():
        pytest.skip(why)


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk, which containerd's overlays need; pytest's own folder may be in memory."""
    with tempfile.TemporaryDirectory(prefix="poolwright-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Real, on loopback."""
    made = Registry(tmp_path_factory.mktemp("registry"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def node(folder: Path) -> Iterator[Machine]:
    """A machine with packer's scripts in /tmp/poolwright."""
    with machine(folder) as made:
        yield made
