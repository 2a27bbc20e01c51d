"""One kind of listener for everything: HTTP/1.1, gRPC (HTTP/2) and an HTTPS proxy, told apart by the first bytes.

A port serves one host (`compute.googleapis.com`); the proxy's port serves whatever CONNECT names, behind TLS with
a certificate of the throw-away CA, and what comes to it directly. HTTP/1.1 goes to an aiohttp handler, HTTP/2 is
passed on to the gRPC server.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from localcloud.certificates import Authority

log = logging.getLogger(__name__)

HttpHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
CONNECT = b"CONNECT "
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Backend:
    """Who answers for a host: an HTTP handler, a gRPC address, or (`raw`) another server that does both."""

    http: web.Server | None = None
    grpc: tuple[str, int] | None = None
    raw: tuple[str, int] | None = None


class Door(asyncio.Protocol):
    """One connection, until we know what it speaks; then the right protocol takes the transport over.

    `host`: whose port it is; None for the proxy's, where `front` answers those who name no host by CONNECT.
    """

    def __init__(
        self, *, backends: Mapping[str, Backend], host: str | None, authority: Authority, front: Backend | None = None
    ) -> None:
        self._backends = backends
        self._host = host
        self._authority = authority
        self._front = front
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._securing = False
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; nothing is known yet."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Decide as soon as the first bytes allow."""
        self._buffer += data
        if self._securing:
            return
        backend = self._front if self._host is None else self._backends[self._host]
        if backend is None or (self._host is None and CONNECT.startswith(self._buffer[: len(CONNECT)])):
            self._connect()
        elif backend.raw is not None:
            self._pass_on(backend.raw)
        elif self._buffer.startswith(HTTP2_PREFACE):
            self._pass_on(backend.grpc)
        elif not HTTP2_PREFACE.startswith(self._buffer[: len(HTTP2_PREFACE)]):
            self._speak_http(backend)

    def _connect(self) -> None:
        """An HTTPS proxy's CONNECT."""
        if b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > 65536:
                self._refuse(431, "the request's head is too large")
            return
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        target = head[len(CONNECT) :].decode("latin-1").partition(" ")[0]
        name, _, port = target.rpartition(":")
        name = name.strip("[]")
        transport = self._open()
        if name in LOOPBACK:
            transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._pass_on((name, int(port)))
        elif name in self._backends:
            transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._host = name
            self._start(self._secure(name))
        else:
            log.warning("the proxy was asked for %s, which the stand-in does not serve", name)
            self._refuse(502, f"the local stand-in does not serve {name}")

    async def _secure(self, name: str) -> None:
        context = self._authority.context(name, protocols=["http/1.1", "h2"])
        loop = asyncio.get_running_loop()
        # The first bytes may arrive before start_tls returns; they must not be answered in the clear.
        self._securing = True
        try:
            secured = await loop.start_tls(self._open(), self, context, server_side=True)
        except (ssl.SSLError, OSError) as wrong:
            log.debug("no TLS with the client that asked for %s: %s", name, wrong)
            return
        self._transport, self._securing = secured, False
        if self._buffer:
            self.data_received(b"")

    def _speak_http(self, backend: Backend) -> None:
        if backend.http is None:
            self._refuse(404, f"{self._host} speaks only gRPC here")
            return
        handler = backend.http()
        transport = self._open()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(self._buffer)

    def _pass_on(self, address: tuple[str, int] | None) -> None:
        if address is None:
            self._refuse(404, f"{self._host} does not speak gRPC here")
            return
        self._open().pause_reading()
        self._start(self._splice(address))

    async def _splice(self, address: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        transport = self._open()
        far = _Pipe(transport)
        try:
            far_transport, _ = await loop.create_connection(lambda: far, *address)
        except OSError:
            transport.close()
            return
        near = _Pipe(far_transport)
        near.connection_made(transport)
        transport.set_protocol(near)
        far_transport.write(self._buffer)
        transport.resume_reading()

    def _open(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("no connection yet")
        return self._transport

    def _refuse(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        self._open().write(b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
        self._open().close()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Pipe(asyncio.Protocol):
    """Half of a splice: what arrives here is written there, no faster than it drains."""

    def __init__(self, other: asyncio.Transport) -> None:
        self._other = other
        self._own: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._own = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def pause_writing(self) -> None:
        self._other.pause_reading()

    def resume_writing(self) -> None:
        if not self._other.is_closing():
            self._other.resume_reading()

    def eof_received(self) -> bool:
        if self._other.can_write_eof() and not self._other.is_closing():
            self._other.write_eof()
            # TLS has no half-closed connections.
            return self._own is not None and self._own.get_extra_info("sslcontext") is None
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._other.close()


def http_server(handler: HttpHandler) -> web.Server:
    """An aiohttp low-level server for one host."""
    return web.Server(handler, access_log=None, handler_cancellation=False)
