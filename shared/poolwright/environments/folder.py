"""The folder of environment files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from poolwright.environments.environment import Environment
from poolwright.references import ClusterRef


class BadEnvironment(Exception):
    """A file that cannot be used; the text names file, path and remedy."""


def load(folder: Path) -> tuple[Environment, ...]:
    """Every `*.yaml` of the folder, by name. BadEnvironment."""
    import yaml

    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            environment = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), Environment)
        except yaml.YAMLError as wrong:
            raise BadEnvironment(f"{path}: not YAML: {wrong}") from None
        except msgspec.ValidationError as wrong:
            raise BadEnvironment(f"{path}: {wrong}; see docs/environments.md for the fields") from None
        if environment.name != path.stem:
            raise BadEnvironment(f"{path}: name is {environment.name!r}; call it {path.stem!r} or rename the file")
        found.append(environment)
    if not found:
        raise BadEnvironment(f"{folder}: no environment file there; add one, such as dev.yaml")
    return tuple(found)


def of_cluster(environments: tuple[Environment, ...], ref: ClusterRef) -> Environment | None:
    """The environment that the cluster belongs to."""
    return next((each for each in environments if ref in each.cluster_refs()), None)


def by_name(environments: tuple[Environment, ...], name: str) -> Environment | None:
    """The environment of that name."""
    return next((each for each in environments if each.name == name), None)
