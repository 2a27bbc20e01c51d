"""Topic `ticks`, once a minute: publishes work for whatever is unfinished, drifting or due."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import tick as ticks
from poolwright.events.tick import Tick
from poolwright.verdicts import Irrelevant


def tick(request: Request) -> Answer:
    return deliver(request, function="tick", decode=ticks.decode, handle=_handle)


def _handle(event: Tick) -> str:
    from poolwright.bootstrap import ports

    outside = ports()
    if event.is_old(now=outside.clock.now()):
        raise Irrelevant("an old tick: a later one has looked around since")

    from poolwright.services import tick as service

    return service.handle(event, outside)
