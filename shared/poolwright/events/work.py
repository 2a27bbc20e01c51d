"""Our own messages on `work`: look at this one thing and take the next step. `Work` is one of six kinds.

    {"kind": "rollout", "rollout": "dev-42-8f3a", "cause": "wave 2 finished baking"}

The message only names the thing. What to do is decided when it arrives, from the state of the world then; so a
duplicate, a late or a lost one costs nothing but time.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from poolwright.events.envelope import Message
from poolwright.events.reading import json_object, shaped
from poolwright.verdicts import Refused


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutWork:
    """Take the next step of a rollout."""

    kind: ClassVar[Literal["rollout"]] = "rollout"
    rollout: str
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetWork:
    """Take the next step at one instance group of a rollout: `projects/P/zones/Z/instanceGroupManagers/N`."""

    kind: ClassVar[Literal["target"]] = "target"
    rollout: str
    group: str
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupWork:
    """Bring one zonal instance group of a node pool to where its environment wants it."""

    kind: ClassVar[Literal["group"]] = "group"
    project: str
    zone: str
    name: str
    location: str  # of the cluster: a region or a zone
    cluster: str
    pool: str
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvisionerWork:
    """Reconcile one NodeProvisioner object of one cluster."""

    kind: ClassVar[Literal["provisioner"]] = "provisioner"
    project: str
    location: str
    cluster: str
    name: str
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterWork:
    """See to the nodes of a cluster that are closed in our name."""

    kind: ClassVar[Literal["cluster"]] = "cluster"
    project: str
    location: str
    cluster: str
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionWork:
    """Let go what nothing of an environment names any more."""

    kind: ClassVar[Literal["retention"]] = "retention"
    environment: str
    cause: str


Work = RolloutWork | TargetWork | GroupWork | ProvisionerWork | ClusterWork | RetentionWork

_SHAPES = (RolloutWork, TargetWork, GroupWork, ProvisionerWork, ClusterWork, RetentionWork)
_KINDS: dict[str, type[Work]] = {shape.kind: shape for shape in _SHAPES}
_REMEDY = "Only poolwright should publish work: let the next tick publish it again, or use the command line"


def encode(work: Work) -> tuple[bytes, dict[str, str]]:
    """Data and attributes of the message. The attribute `kind` is there for subscription filters."""
    return json.dumps({"kind": work.kind, **asdict(work)}).encode(), {"kind": work.kind}


def decode(message: Message) -> Work:
    """Raises `Refused`."""
    body = json_object(message.data, where="message.data", remedy=_REMEDY)
    kind = body.pop("kind", None)
    shape = _KINDS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise Refused("kind", f"is none of {', '.join(_KINDS)}", _REMEDY)
    work: Any = shaped(body, shape, remedy=_REMEDY)
    for name, value in asdict(work).items():
        if not value and name != "cause":
            raise Refused(name, "is empty", _REMEDY)
    return work  # type: ignore[no-any-return]
