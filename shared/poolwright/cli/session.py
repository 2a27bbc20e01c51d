"""What a command works with: the ports of this process, and the environment that is named."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment
    from poolwright.services.ports import Ports


def ports() -> Ports:
    """By the POOLWRIGHT_* variables. BadSetting."""
    from poolwright import bootstrap
    from poolwright.settings import Settings

    return bootstrap.ports(Settings.read())


def of(name: str) -> tuple[Ports, Environment]:
    """The ports, and the environment of this name. Refused, with those there are; BadEnvironment, BadSetting."""
    from poolwright import environments

    known = environments.load(_environments())  # a name is looked at before anything that has to do with Google
    found = environments.by_name(known, name)
    if found is None:
        raise Refused("--env", *_what_would_do(name, [each.name for each in known]))
    return ports(), found


def some(name: str) -> tuple[Ports, tuple[Environment, ...]]:
    """The same, of all environments where none is named."""
    if not name:
        outside = ports()
        return outside, outside.environments
    outside, environment = of(name)
    return outside, (environment,)


def _what_would_do(name: str, known: list[str]) -> tuple[str, str]:
    """The problem and the remedy."""
    if not name:
        return "no environment is named", f"Use --env with one of: {', '.join(known)}"
    near = difflib.get_close_matches(name, known, n=1)
    problem = f"there is no environment {name!r}"
    if near:
        return problem, f"Use --env {near[0]}; there are {', '.join(known)}"
    return problem, f"Use --env with one of: {', '.join(known)}"


def _environments() -> Path:
    return Path(os.environ.get("POOLWRIGHT_ENVIRONMENTS", "environments"))


def requester() -> str:
    """Who asks, as a claim for the records."""
    from poolwright.adapters.gcloud_account import claimed

    return claimed(os.environ, Path.home())


def claim(command: str) -> dict[str, str]:
    """`cause` and `requester` of what a command does by itself."""
    return {"cause": f"poolwright {command}", "requester": requester()}


def metadata_folder(environment: str) -> Path:
    """Where the fetched metadata of an environment are kept: beside its file."""
    return _environments() / environment / "metadata"
