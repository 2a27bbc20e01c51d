"""Topic `cloud-builds`: a build of ours ended; its image is checked, recorded and offered or rolled out."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import cloud_build
from poolwright.events.cloud_build import BuildStatus


def image_built(request: Request) -> Answer:
    return deliver(request, function="image_built", decode=cloud_build.decode, handle=_handle)


def _handle(event: BuildStatus) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import image_built as service

    return service.handle(event, ports())
