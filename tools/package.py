"""The deployment archive: what Cloud Functions unpacks, and nothing else. Same input, same bytes.

dist/poolwright-functions.zip: main.py and the triggers' modules, what they lead to of poolwright/, environments/,
cloudbuild/, requirements.txt

One archive for all functions: what differs between them is thirty lines each, and none imports what another one needs
(docs/designs/packages.md). Members are stored, not deflated, because zlib's bytes differ from version to version of it;
their names are sorted, their times and modes the same everywhere.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHIVE = ROOT / "dist" / "poolwright-functions.zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can tell
UNIX = 3  # whose modes the members have (APPNOTE.TXT 4.4.2)


def contents(root: Path = ROOT) -> dict[str, Path]:
    """File by name in the archive, of everything that deploys. BadEnvironment: nothing deploys that would not start."""
    from poolwright.services.request_build import CONFIG

    found = {f"cloudbuild/{CONFIG}": root / "cloudbuild" / CONFIG, "requirements.txt": root / "requirements.txt"}
    found |= dict(_code(root / "functions", root / "shared"))
    found |= {f"environments/{path.name}": path for path in (root / "environments").glob("*.yaml")}
    found |= dict(_metadata_files(root / "environments"))
    return dict(sorted(found.items()))


def _code(functions: Path, shared: Path) -> Iterator[tuple[str, Path]]:
    """The modules that main.py leads to, however late they are imported, and the data files beside them."""
    finder = ModuleFinder(path=[str(functions), str(shared)])
    finder.run_script(str(functions / "main.py"))
    for module in finder.modules.values():
        if (file := vars(module)["__file__"]) is None:  # a part of Python itself
            continue
        path = Path(file)
        source = functions if path.is_relative_to(functions) else shared
        yield path.relative_to(source).as_posix(), path
        if path.name == "__init__.py":
            yield from ((each.relative_to(source).as_posix(), each) for each in _data(path.parent))


def _data(folder: Path) -> Iterator[Path]:
    """What a package has besides modules, such as templates, in its folder and in those below that are no packages."""
    for path in folder.iterdir():
        if path.is_file() and path.suffix != ".py":
            yield path
        elif path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _data(path)


def _metadata_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What the environments replace metadata items from."""
    from poolwright.environments import load

    named = {name for environment in load(folder) for name in environment.substitutions.metadata_files.values()}
    for path in sorted({(folder / name).resolve() for name in named}):
        yield f"environments/{path.relative_to(folder.resolve())}", path


def build(archive: Path = ARCHIVE, root: Path = ROOT) -> Path:
    """Write the archive."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name, path in contents(root).items():
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = UNIX
            member.external_attr = 0o644 << 16
            out.writestr(member, path.read_bytes())
    return archive


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVE))
