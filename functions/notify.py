"""Topic `notifications`: what was recorded goes on to the webhook of its environment, if it has one."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import notification
from poolwright.events.notification import Notification


def notify(request: Request) -> Answer:
    return deliver(request, function="notify", decode=notification.decode, handle=_handle)


def _handle(event: Notification) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import notify as service

    return service.handle(event, ports())
