"""A look at what nothing names any more, at once instead of at the next due tick; and what is still to be tidied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from poolwright.events.work import RetentionWork
from poolwright.references import last_part
from poolwright.services import fleet, retention, step, stop
from poolwright.services.ports import Ports
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment


class Waiting(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A template or an image that nothing names since `since`; it goes from `goes` on. Seconds since the epoch."""

    name: str
    since: float
    goes: float


class Tidied(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`sentence`: what went; `reference_pools`: those that somebody has left behind, by cluster."""

    environment: str
    sentence: str
    waiting: tuple[Waiting, ...]
    reference_pools: tuple[str, ...]


def tidy(ports: Ports, environment: Environment, *, cause: str) -> Tidied:
    """One step of retention as the functions take it; where there is more, they go on. Refused, Weather."""
    if why := stop.stopped(ports):
        raise Refused("stop", why, "Nothing is deleted until then")
    sentence = step.handle(RetentionWork(environment=environment.name, cause=cause), ports)
    stored = ports.store.get(retention.COLLECTION, environment.name)
    since: dict[str, float] = stored.body["since"] if stored else {}
    grace = environment.retention.grace_seconds
    return Tidied(
        environment=environment.name,
        sentence=sentence,
        waiting=tuple(
            Waiting(name=last_part(name), since=began, goes=began + grace) for name, began in sorted(since.items())
        ),
        reference_pools=tuple(
            cluster.ref.name
            for cluster in fleet.look(ports, environment).clusters
            for pool in cluster.pools
            if pool.is_reference
        ),
    )
