"""The stand-in as a whole: parts put together, ports opened, and what a client must know to reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc

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

    def serve_grpc(self, handlers: list[grpc.GenericRpcHandler]) -> None:
        """gRPC methods that are more than one request and one answer (StreamingPull)."""
        self._grpc.add_generic_rpc_handlers(tuple(handlers))

    def serve_http(self, host: str, handler: HttpHandler) -> None:
        """Plain HTTP for a host that is no described API (tokens, control)."""
        self.backends[host] = Backend(http=http_server(handler))

    def pass_on(self, host: str, address: tuple[str, int]) -> None:
        """A host that another local server answers for (Google's own emulators)."""
        self.backends[host] = Backend(raw=address)

    async def open(self, *, port: int) -> None:
        """Open the proxy on `port` and one port a host."""
        await self._grpc.start()
        loop = asyncio.get_running_loop()
        proxy = await loop.create_server(self._door(None), LOOPBACK, port)
        self._servers.append(proxy)
        self.proxy_port = proxy.sockets[0].getsockname()[1]
        for host, backend in self.backends.items():
            if backend.raw is not None:
                self.endpoints[host] = f"http://{backend.raw[0]}:{backend.raw[1]}"
                continue
            server = await loop.create_server(self._door(host), LOOPBACK, 0)
            self._servers.append(server)
            self.endpoints[host] = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"

    async def open_tls(self, handler: HttpHandler, *, authority: Authority, port: int = 0) -> int:
        """An HTTPS port of its own (a cluster's control plane); returns the port."""
        context = authority.context(LOOPBACK, protocols=["http/1.1"])
        server = await asyncio.get_running_loop().create_server(http_server(handler), LOOPBACK, port, ssl=context)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Close all ports."""
        for server in self._servers:
            server.close()
        await self._grpc.stop(None)

    def _door(self, host: str | None) -> Callable[[], Door]:
        return lambda: Door(backends=self.backends, host=host, authority=self.authority)
