"""The deployment archive: what Cloud Functions unpacks, and nothing else. Same input, same bytes.

dist/poolwright-functions.zip: main.py and the triggers' modules, poolwright/, environments/, cloudbuild/,
requirements.txt
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHIVE = ROOT / "dist" / "poolwright-functions.zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can tell


def contents(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of everything that deploys."""
    for path in sorted((root / "functions").glob("*.py")):
        yield path.name, path
    for path in sorted((root / "shared" / "poolwright").rglob("*.py")):
        if "cli" not in path.relative_to(root / "shared" / "poolwright").parts:
            yield str(path.relative_to(root / "shared")), path
    for folder in ("cloudbuild", "environments"):
        for path in sorted((root / folder).glob("*.yaml")):
            yield f"{folder}/{path.name}", path
    yield from _metadata_files(root / "environments")
    yield "requirements.txt", root / "requirements.txt"


def _metadata_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What the environments replace metadata items from. BadEnvironment: nothing deploys that would not start."""
    from poolwright.environments import load

    named = {name for environment in load(folder) for name in environment.substitutions.metadata_files.values()}
    for path in sorted({(folder / name).resolve() for name in named}):
        yield f"environments/{path.relative_to(folder.resolve())}", path


def build(archive: Path = ARCHIVE) -> Path:
    """Write the archive."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name, path in contents():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            out.writestr(entry, path.read_bytes())
    return archive


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVE))
