"""Topic `work`: one bounded step of one rollout, group or provisioner. The only function that changes anything."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import work
from poolwright.events.work import Work


def step(request: Request) -> Answer:
    return deliver(request, function="step", decode=work.decode, handle=_handle)


def _handle(event: Work) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import step as service

    return service.handle(event, ports())
