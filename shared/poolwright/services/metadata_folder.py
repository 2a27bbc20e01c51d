"""The folder that keeps an environment's fetched metadata, such as `environments/dev/metadata`: one file a key."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path


def read(folder: Path) -> dict[str, str]:
    """Relative path -> content; nothing where nothing was fetched yet."""
    before = _put_back(folder)
    paths = sorted(path for path in before.rglob("*") if path.is_file()) if before.is_dir() else []
    return {path.relative_to(before).as_posix(): path.read_bytes().decode("utf-8", "surrogatepass") for path in paths}


def replace(folder: Path, files: Mapping[str, str]) -> None:
    """Make the folder hold these files and no others. Whoever stops in between leaves the old ones or the new ones,
    never some of each: they are written beside the folder, which is then exchanged."""
    _put_back(folder)
    fresh, old = _beside(folder, "new"), _beside(folder, "old")
    shutil.rmtree(fresh, ignore_errors=True)
    for path, content in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8", "surrogatepass"))
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def tidy(folder: Path) -> None:
    """Remove what a fetch that was stopped has left beside the folder."""
    _put_back(folder)
    shutil.rmtree(_beside(folder, "new"), ignore_errors=True)


def _put_back(folder: Path) -> Path:
    """Undo an exchange that stopped half way."""
    old = _beside(folder, "old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}-{what}")
