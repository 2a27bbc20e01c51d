"""What a test may ask of the stand-in that no Google API offers: the calls it answered, the world, and bad weather.

GET    /calls     the calls so far: [{host, method, params, code, caller, mutating}]; with `?brief` without bodies
DELETE /calls     forget them
GET    /world     everything in it, as JSON
GET    /clusters  with real control planes: {cluster path: {"kubeconfig": the administrator's, "audit": its audit log}}
GET    /time      {"now": seconds since the epoch}, as the world has them
POST   /time      in manual time alone: {"seconds": 5} pass
POST   /faults    switch one on: {"method": "instance_group_managers.*", "status": "UNAVAILABLE", "every": 0.2}
DELETE /faults    all is well again
PUT    /roles     {identity: [permission, or "permission on RESOURCE"]}: from now on these may do that and nothing else
GET    /roles     what those needed since: {"uses": {identity: {method: [...]}}, "denied": the same, "unknown": [...]}
PUT    /tables/T  merge a JSON object into table T: `compute.stock`, `compute.rateQuotas`, `compute.timings`,
                  `localcloud.latency`, `gke.brokenImages`, `gke.failingNodes`, `gke.bakedImages`, `gke.podEnds`, ...
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import web

from localcloud.access import Need
from localcloud.calls import CallRecord
from localcloud.faults import Fault
from localcloud.world import World


class Control:
    """The extra host `localcloud`."""

    def __init__(self, world: World, clusters: Callable[[], dict[str, dict[str, str]]]) -> None:
        self._world = world
        self._clusters = clusters

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; 400 with a sentence for what cannot be read."""
        what = (request.method, request.path)
        if request.method == "GET":
            return self._shown(request)
        if what == ("POST", "/time"):
            if not self._world.simulation.manual:
                return web.json_response({"error": "time passes by itself here"}, status=400)
            self._world.simulation.advance(float((await request.json())["seconds"]))
        elif what == ("DELETE", "/calls"):
            self._world.calls.clear()
        elif what == ("DELETE", "/faults"):
            self._world.faults.clear()
        elif what == ("POST", "/faults"):
            try:
                self._world.faults.add(msgspec.json.decode(await request.read(), type=Fault))
            except msgspec.MsgspecError as wrong:
                return web.json_response({"error": f"no fault: {wrong}"}, status=400)
        elif what == ("PUT", "/roles"):
            for identity, needs in (await request.json()).items():
                self._world.access.grant(identity, map(Need.parse, needs))
        elif request.method == "PUT" and request.path.startswith("/tables/"):
            name = request.path.removeprefix("/tables/")
            self._world.table(name).update(json.loads(await request.read()))
            self._world.tell("table.changed", name)
            self._world.keep()
        else:
            return _nothing(request)
        return web.json_response({})

    def _shown(self, request: web.BaseRequest) -> web.StreamResponse:
        brief = _brief if "brief" in request.query else asdict
        show: dict[str, Callable[[], Any]] = {
            "/calls": lambda: [brief(each) | {"mutating": each.mutating} for each in self._world.calls],
            "/clusters": self._clusters,
            "/roles": self._world.access.shown,
            "/time": lambda: {"now": self._world.simulation.now()},
            "/world": self._world.dump,
        }
        return web.json_response(show[request.path]()) if request.path in show else _nothing(request)


def _nothing(request: web.BaseRequest) -> web.Response:
    return web.json_response({"error": f"no {request.method} {request.path} here"}, status=404)


def _brief(call: CallRecord) -> dict[str, Any]:
    """Of the params only what a path or a query says: a fleet's templates are many megabytes."""
    params = {name: value for name, value in call.params.items() if not isinstance(value, (dict, list))}
    return {"host": call.host, "method": call.method, "params": params, "code": call.code}
