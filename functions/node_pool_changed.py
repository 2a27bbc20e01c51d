"""GKE's audit log and cluster notifications: a pool is new or was upgraded; its groups get their template."""

from flask import Request

from delivery import Answer, deliver
from poolwright.events import node_pool
from poolwright.events.node_pool import NodePoolChanged


def node_pool_changed(request: Request) -> Answer:
    return deliver(request, function="node_pool_changed", decode=node_pool.decode, handle=_handle)


def _handle(event: NodePoolChanged) -> str:
    from poolwright.bootstrap import ports
    from poolwright.services import node_pool_changed as service

    return service.handle(event, ports())
