"""What a flow is called, where it plays, and how it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.harness import Flow


@dataclass(frozen=True)
class Story:
    """A flow by its name; `world` names its world file and its folder of environments. `tries`: how often something is
    tried in it depends on how long it takes, so in bad weather nobody counts the tries. `tried_anew`: nor does anybody
    after a kill, since who finds a try that came to nothing and was not recorded tries once more."""

    name: str
    world: str
    play: Callable[[Flow], None]
    tries: bool = False
    tried_anew: bool = False
