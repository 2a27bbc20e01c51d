"""Monitoring's notification channel: a provisioner's alert opened or closed; it is reconciled."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import incident
from poolwright.events.incident import Incident


def gpu_alert(request: Request) -> Answer:
    return deliver(request, function="gpu_alert", decode=incident.decode, handle=_handle)


def _handle(event: Incident) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import gpu_alert as service

    return service.handle(event, ports())
