"""The stand-in as a whole: parts put together, ports opened, and what a client must know to reach them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
from aiohttp import web

from localcloud.certificates import Authority
from localcloud.dispatch import Api
from localcloud.front_door import Backend, Door, HttpHandler, http_server

LOOPBACK = "127.0.0.1"


class Listeners:
    """Ports of one stand-in. The first is `port` (0: any free one), the proxy; each Google host gets one more."""

    def __init__(self, *, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder=folder, name="localcloud")
        self.backends: dict[str, Backend] = {}
        self.endpoints: dict[str, str] = {}
        self.proxy_port = 0
        self._apis: list[Api] = []
        self._handlers: dict[str, HttpHandler] = {}
        self._next_port = 0
        self._servers: list[asyncio.Server] = []
        self._grpc = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)])
        self._grpc_port = self._grpc.add_insecure_port(f"{LOOPBACK}:0")

    def serve_api(self, api: Api) -> None:
        """REST and, where its client library has it, gRPC for one API."""
        handlers = api.grpc_handlers()
        if handlers:
            self._grpc.add_generic_rpc_handlers(tuple(handlers))
        address = (LOOPBACK, self._grpc_port) if handlers else None
        self.backends[api.host] = Backend(http=http_server(api.serve_http), grpc=address)
        self._apis.append(api)
        self._handlers[api.host] = api.serve_http

    def serve_grpc(self, handlers: list[grpc.GenericRpcHandler]) -> None:
        """gRPC methods that are more than one request and one answer (StreamingPull)."""
        self._grpc.add_generic_rpc_handlers(tuple(handlers))

    def serve_http(self, host: str, handler: HttpHandler) -> None:
        """Plain HTTP for a host that is no described API (tokens, control)."""
        self.backends[host] = Backend(http=http_server(handler))
        self._handlers[host] = handler

    def pass_on(self, host: str, address: tuple[str, int]) -> None:
        """A host that another local server answers for (Google's own emulators)."""
        self.backends[host] = Backend(raw=address)

    async def open(self, *, port: int) -> None:
        """Open the proxy on `port` and one port a host, the ones after it where `port` is given and they are free."""
        await self._grpc.start()
        loop = asyncio.get_running_loop()
        front = Backend(http=http_server(self._serve_any), grpc=(LOOPBACK, self._grpc_port))
        proxy = await loop.create_server(lambda: self._door(None, front=front), LOOPBACK, port)
        self._servers.append(proxy)
        self.proxy_port = proxy.sockets[0].getsockname()[1]
        self._next_port = port + 1 if port else 0
        for host, backend in self.backends.items():
            if backend.raw is not None:
                self.endpoints[host] = f"http://{backend.raw[0]}:{backend.raw[1]}"
                continue
            self.endpoints[host] = f"http://{LOOPBACK}:{await self._listen(partial(self._door, host))}"

    async def open_tls(self, handler: HttpHandler, *, authority: Authority) -> int:
        """An HTTPS port of its own (a cluster's control plane); returns the port."""
        context = authority.context(LOOPBACK, protocols=["http/1.1"])
        return await self._listen(http_server(handler), context)

    async def close(self) -> None:
        """Close all ports."""
        for server in self._servers:
            server.close()
        await self._grpc.stop(None)

    async def _listen(self, protocol: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None) -> int:
        """On the next port, or on any free one where that is taken or ports were not asked for."""
        loop = asyncio.get_running_loop()
        wanted, self._next_port = self._next_port, self._next_port and self._next_port + 1
        try:
            server = await loop.create_server(protocol, LOOPBACK, wanted if wanted < 65536 else 0, ssl=tls)
        except OSError:
            server = await loop.create_server(protocol, LOOPBACK, 0, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _door(self, host: str | None, *, front: Backend | None = None) -> Door:
        return Door(backends=self.backends, host=host, authority=self.authority, front=front)

    async def _serve_any(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request on the proxy's own port: for the host it names, else for the API that knows its path."""
        named = self._handlers.get((request.url.host or "").lower())
        if named is not None:
            return await named(request)
        for api in self._apis:
            if api.knows(request):
                return await api.serve_http(request)
        return web.json_response({"endpoints": self.endpoints}, status=200 if request.path == "/" else 404)
