"""Topic `ticks`, once a minute: publishes work for whatever is unfinished, drifting or due."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import tick as ticks
from poolwright.events.tick import Tick


def tick(request: Request) -> Answer:
    return deliver(request, function="tick", decode=ticks.decode, handle=_handle)


def _handle(event: Tick) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import tick as service

    return service.handle(event, ports())
