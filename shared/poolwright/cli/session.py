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


def environment(outside: Ports, name: str) -> Environment:
    """The environment of this name. Refused, with those there are; BadEnvironment."""
    from poolwright import environments

    found = environments.by_name(outside.environments, name)
    if found is not None:
        return found
    known = [each.name for each in outside.environments]
    problem = f"there is no environment {name!r}" if name else "no environment is named"
    near = difflib.get_close_matches(name, known, n=1)
    remedy = (
        f"Use --env {near[0]}; there are {', '.join(known)}" if near else f"Use --env with one of: {', '.join(known)}"
    )
    raise Refused("--env", problem, remedy)


def requester() -> str:
    """Who asks, as a claim for the records."""
    from poolwright.adapters.gcloud_account import claimed

    return claimed(os.environ, Path.home())


def claim(command: str) -> dict[str, str]:
    """`cause` and `requester` of what a command does by itself."""
    return {"cause": f"poolwright {command}", "requester": requester()}


def metadata_folder(environment: str) -> Path:
    """Where the fetched metadata of an environment are kept: beside its file."""
    from poolwright.settings import Settings

    return Settings.read().environments / environment / "metadata"
