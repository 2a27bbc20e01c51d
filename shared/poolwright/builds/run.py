"""One run id of an environment: the decision to build, and what became of it. A document of the collection `runs`.

requested -> submitted -> built | refused | failed        requested: decided, not yet known to Cloud Build
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from poolwright.builds.source import SourceImage

State = Literal["requested", "submitted", "built", "refused", "failed"]
BY_HAND = "somebody with the build identity"
MOST = 10**18 - 1  # what fits a run id's label


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`source_image` is a partial URL, `image` the name of what is made; `architecture` and `disk_size_gb` are what
    the image must have, empty and 0 where nobody wrote that down. `requester` is empty for automation, `requested` and
    `ended` are in seconds since the epoch. `reason` says why it was not used, if it was not."""

    schema: int = 1
    environment: str
    run_id: int
    state: State
    source_image: str
    image: str
    gke_version: str = ""
    architecture: str = ""
    disk_size_gb: int = 0
    build_id: str = ""
    cause: str = ""
    requester: str = ""
    requested: float = 0
    ended: float = 0
    reason: str = ""

    @property
    def key(self) -> str:
        """The document's key."""
        return key(self.environment, self.run_id)

    @property
    def unfinished(self) -> bool:
        """Whether something is still to come of it."""
        return self.state in ("requested", "submitted")

    @property
    def source(self) -> SourceImage:
        """What it is built on."""
        return SourceImage.parse(self.source_image)


def key(environment: str, run_id: int) -> str:
    """The key of a run's document."""
    return f"{environment}-{run_id}"


def image_name(environment: str, run_id: int) -> str:
    """The name of a run's image: one run, one name, so that packer refuses to make it twice."""
    return f"poolwright-{environment}-{run_id}"


def decode(body: Mapping[str, Any]) -> Run:
    """From the store; fields of a later version are passed over."""
    return msgspec.convert(body, Run)


def encode(run: Run) -> dict[str, Any]:
    """For the store."""
    body: dict[str, Any] = msgspec.to_builtins(run)
    return body


def run_id_of(text: str) -> int:
    """A run id from a label or a substitution, 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text[:19]) <= MOST else 0


def next_id(environment: str, runs: Iterable[Run], *, others: Iterable[int]) -> int:
    """The next run id: past every run on record and past `others`, the ids of images and builds that are there. So a
    lost store counts on, and no name is ever made twice."""
    counted = (run.run_id for run in runs if run.environment == environment)
    return max([0, *counted, *others]) + 1
