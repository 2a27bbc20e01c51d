"""The boundary of a process: every call that leaves it, whichever library makes it.

Three ways lead out of poolwright's adapters: urllib3 (under requests, which Google's REST clients use, and under the
Kubernetes client), gRPC, and the store's file. A call that took another way would be missed, so a test compares what is
seen here with what the stand-in was asked (`test_kills`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from unittest import mock
from urllib.parse import urlsplit

Way = Literal["google", "kubernetes", "grpc", "store"]
STORE_WRITES = ("put", "delete")


@dataclass(frozen=True)
class OutsideCall:
    """`name` for people: `POST /compute/v1/projects/...`. `effect`: it may change something out there."""

    name: str
    effect: bool
    way: Way


class Around(Protocol):
    """Makes the call, and does what it likes before and after."""

    def __call__(self, call: OutsideCall, make: Callable[[], Any]) -> Any:
        """The call's answer."""


class Passage:
    """An `Around` that lets calls pass, unless another one stands `within` for a while."""

    def __init__(self) -> None:
        self._around: Around | None = None

    def __call__(self, call: OutsideCall, make: Callable[[], Any]) -> Any:
        return self._around(call, make) if self._around else make()

    @contextmanager
    def within(self, around: Around | None) -> Iterator[None]:
        """Put `around` there."""
        before, self._around = self._around, around
        try:
            yield
        finally:
            self._around = before


@contextmanager
def boundary(around: Around) -> Iterator[None]:
    """Within, every call that leaves the process goes through `around`."""
    with ExitStack() as stack:
        _through_urllib3(around, stack)
        _through_grpc(around, stack)
        _through_the_store(around, stack)
        yield


def _through_urllib3(around: Around, stack: ExitStack) -> None:
    from urllib3.connectionpool import HTTPConnectionPool

    real = HTTPConnectionPool.urlopen

    @functools.wraps(real)
    def urlopen(pool: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
        path = urlsplit(url).path
        # Some reads are POSTs; to wait for an operation changes nothing, as operations end by themselves.
        effect = method not in ("GET", "HEAD") and not path.rpartition("/")[2].startswith(("list", "wait"))
        way: Way = "kubernetes" if path.startswith(("/api/", "/apis/")) else "google"
        return around(OutsideCall(f"{method} {path}", effect, way), lambda: real(pool, method, url, *args, **more))

    stack.enter_context(mock.patch.object(HTTPConnectionPool, "urlopen", urlopen))


def _through_grpc(around: Around, stack: ExitStack) -> None:
    import grpc

    real = grpc.insecure_channel

    class Interceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            path = str(details.method)
            method = path.rpartition("/")[2]
            topic = f" to {request.topic.rpartition('/')[2]}" if method == "Publish" else ""

            def make() -> Any:
                answer = continuation(details, request)
                answer.exception()  # which waits until it is there
                return answer

            effect = not method.startswith(("Get", "List"))
            return around(OutsideCall(f"{path}{topic}", effect, "grpc"), make)

    def channel(*args: Any, **more: Any) -> Any:
        return grpc.intercept_channel(real(*args, **more), Interceptor())

    stack.enter_context(mock.patch.object(grpc, "insecure_channel", channel))


def _through_the_store(around: Around, stack: ExitStack) -> None:
    from poolwright.adapters.sqlite_store import SqliteStore

    for name in [name for name, each in vars(SqliteStore).items() if callable(each) and not name.startswith("_")]:
        stack.enter_context(mock.patch.object(SqliteStore, name, _wrapped(around, getattr(SqliteStore, name), name)))


def _wrapped(around: Around, real: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(real)
    def method(store: Any, collection: str, key: str = "", *args: Any, **more: Any) -> Any:
        arguments = (collection, key, *args) if key else (collection, *args)
        call = OutsideCall(f"store {name} {collection}/{key}".rstrip("/"), name in STORE_WRITES, "store")
        return around(call, lambda: real(store, *arguments, **more))

    return method
