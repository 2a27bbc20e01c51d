"""A boot-image build asked of Cloud Build: one for each run id, and the system counts the run ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolwright.services.ports import Ports
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment

COLLECTION = "runs"


@dataclass(frozen=True)
class Requested:
    """What became of a request. `build_id` is empty where nothing was submitted (mode `observe`, or there is an image
    already); `sentence` is for people."""

    run_id: int
    build_id: str
    sentence: str


def request(
    ports: Ports,
    *,
    environment: Environment,
    source_image: str,
    cause: str,
    requester: str = "",
    run_id: int | None = None,
) -> Requested:
    """Submit the build of the environment's next run on `source_image` (a link or a name of GKE's node image).

    Repeating a request is safe: as long as the environment has an unfinished build on that source image, it is that
    build. `requester`: the person who asks, empty for automation; automation is kept from passing a pinned run id and
    from building on the same source image for ever. `run_id`: what a person expects to be next.

    Refused, Busy where somebody is at it already, Weather.
    """
    raise Refused("build", "builds cannot be requested yet", "Come back in an hour")
