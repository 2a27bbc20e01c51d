"""Topic `rollout-commands`: start, pause, resume, abort or roll back."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import rollout_command as commands
from poolwright.events.rollout_command import RolloutCommand


def rollout_command(request: Request) -> Answer:
    return deliver(request, function="rollout_command", decode=commands.decode, handle=_handle)


def _handle(event: RolloutCommand) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import rollout_command as service

    return service.handle(event, ports())
