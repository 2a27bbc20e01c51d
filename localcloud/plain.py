"""Small APIs without a client library here: a few reads, by path, on tables of the world."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from localcloud.calls import CallRecord
from localcloud.errors import GoogleError
from localcloud.world import World

Json = dict[str, Any]
Handler = Callable[[re.Match[str], Json], Json]


class PlainApi:
    """`routes`: `GET /v1/...` as a pattern of verb and path -> (`service.Method`, handler). A handler gets the match,
    and what query or body say. What is no route is answered 501."""

    def __init__(self, world: World, host: str, routes: Mapping[str, tuple[str, Handler]]) -> None:
        self._world = world
        self._host = host
        self._routes = {re.compile(pattern): route for pattern, route in routes.items()}

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, through the faults in force, and noted."""
        params: Json = {name: request.query.getall(name) for name in request.query}
        if body := await request.read():
            params |= msgspec.json.decode(body)
        for pattern, (method, handler) in self._routes.items():
            if found := pattern.fullmatch(f"{request.method} {request.path}"):
                code, answer = self._answer(method, handler, found, params)
                record = CallRecord(host=self._host, method=method, params={**found.groupdict(), **params}, code=code)
                self._world.calls.add(record)
                return web.json_response(answer, status=code)
        text = f"The local stand-in does not implement {request.method} {request.path}."
        error = GoogleError("UNIMPLEMENTED", text)
        return web.json_response(error.json(), status=error.code)

    def _answer(self, method: str, handler: Handler, found: re.Match[str], params: Json) -> tuple[int, Json]:
        try:
            fault = self._world.faults.strike(method)
            if fault is not None and fault.status:
                raise fault.error()
            return 200, handler(found, params)
        except GoogleError as error:
            return error.code, error.json()
