"""The folder of environment files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from poolwright.boot_images.conflicts import LARGEST_ITEM
from poolwright.environments import checks
from poolwright.environments.environment import Environment
from poolwright.references import ClusterRef
from poolwright.shape import Problem


class BadEnvironment(Exception):
    """Files that cannot be used. `problems`: each names file, path in it and remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(folder: Path) -> tuple[Environment, ...]:
    """Every `*.yaml` of the folder, by name, and the files that they name. BadEnvironment, with all that is wrong."""
    problems: list[str] = []
    found: list[tuple[Path, Environment]] = []
    for path in sorted(folder.glob("*.yaml")):
        environment, wrong = _read(path)
        problems += [f"{path}: {problem}" for problem in wrong]
        if environment is not None:
            found.append((path, environment))
    problems += [f"{path}: only *.yaml is read; call it {path.stem}.yaml" for path in sorted(folder.glob("*.yml"))]
    problems += _shared_clusters(found)
    if not found and not problems:
        problems.append(f"{folder}: no environment file there; add one, such as dev.yaml")
    if problems:
        raise BadEnvironment(*problems)
    return tuple(environment for _, environment in found)


def of_cluster(environments: tuple[Environment, ...], ref: ClusterRef) -> Environment | None:
    """The environment that the cluster belongs to."""
    return next((each for each in environments if ref in each.cluster_refs()), None)


def by_name(environments: tuple[Environment, ...], name: str) -> Environment | None:
    """The environment of that name."""
    return next((each for each in environments if each.name == name), None)


def _read(path: Path) -> tuple[Environment | None, tuple[Problem, ...]]:
    from poolwright.environments import yaml_file

    raw, problems = yaml_file.read(path)
    if problems:
        return None, problems
    found, problems = checks.read(raw)
    if not isinstance(found, Environment):
        return None, problems
    if found.name != path.stem:
        text = f"it is {found.name!r}; call it {path.stem!r}, or rename the file"
        problems = (*problems, Problem("name", text))
    metadata, unreadable = _files(path.parent, found.substitutions.metadata_files)
    twice = [Problem(f"substitutions.metadataFiles.{key}", "the item is in metadata too; keep one of them")
             for key in metadata if key in found.substitutions.metadata]  # fmt: skip
    wanted = msgspec.structs.replace(found.substitutions, metadata=found.substitutions.metadata | metadata)
    return msgspec.structs.replace(found, substitutions=wanted), (*problems, *unreadable, *twice)


def _files(folder: Path, wanted: dict[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """The content of the files that metadata items are replaced from, and what is wrong with them."""
    found, problems = {}, []
    for key, name in wanted.items():
        try:
            found[key] = _content(folder, name)
        except ValueError as wrong:
            problems.append(Problem(f"substitutions.metadataFiles.{key}", str(wrong)))
    return found, problems


def _content(folder: Path, name: str) -> str:
    """ValueError, which says what is wrong and what would do."""
    try:
        path = (folder / name).resolve()
        inside, there = path.is_relative_to(folder.resolve()), path.is_file()
        content = path.read_bytes() if inside and there else b""
    except (OSError, RuntimeError, ValueError):  # also for links in a circle, and for what is no path
        raise ValueError(f"{name!r} cannot be read; see to its path and permissions") from None
    if not inside:
        raise ValueError(f"{name} is outside of {folder}; put the file there, such as files/startup.sh")
    if not there:
        raise ValueError(f"there is no file {folder / name}; paths begin in {folder}")
    if len(content) > LARGEST_ITEM:
        raise ValueError(f"{folder / name} has {len(content)} bytes; a metadata item has {LARGEST_ITEM} at most")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{folder / name} is not UTF-8 text, which metadata must be") from None


def _shared_clusters(found: Iterable[tuple[Path, Environment]]) -> Iterator[str]:
    owners: dict[Any, Path] = {}
    for path, environment in found:
        for place, ref in enumerate(environment.cluster_refs()):
            if (owner := owners.setdefault(ref, path)) != path:
                yield f"{path}: clusters[{place}]: {ref} belongs to {owner} already; take it out of one of them"
