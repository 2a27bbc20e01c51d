"""Bad weather: a share of the calls that leave the process comes to nothing, or comes to something and nobody is told.

Google's errors as Google words them: 403 rateLimitExceeded
(https://cloud.google.com/compute/docs/api/rate-limits), 429 and 503
(https://cloud.google.com/apis/design/errors), Kubernetes' as a `Status`
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/), and silence.
"""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NoReturn, get_args

import grpc
import urllib3

from poolwright.services import ports
from tests.chaos.outside import OutsideCall

Kind = Literal["403", "429", "503", "silence"]
STORE_SHARE = 0.05
KINDS: tuple[Kind, ...] = get_args(Kind)
_REASONS = {"403": "rateLimitExceeded", "429": "rateLimitExceeded", "503": "backendError"}
_KUBERNETES_REASONS = {"429": "TooManyRequests", "503": "ServiceUnavailable"}
_CODES = {
    "403": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "429": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "503": grpc.StatusCode.UNAVAILABLE,
    "silence": grpc.StatusCode.DEADLINE_EXCEEDED,
}


class Weather:
    """An `Around` of the boundary. `share` of the calls fail, half of those after they have acted. `seen` counts.

    Of the store only what its adapter lets through: reads are tried again there, so they come through; of the writes,
    which are tried once, a twentieth fails.
    """

    def __init__(self, *, seed: int, share: float = 0.2) -> None:
        self._dice = random.Random(seed)
        self._share = share
        self.seen: Counter[str] = Counter()

    def __call__(self, call: OutsideCall, make: Callable[[], Any]) -> Any:
        share = self._share if call.way != "store" else STORE_SHARE if call.effect else 0.0
        if self._dice.random() >= share:
            return make()
        kind = self._dice.choice(KINDS)
        acts = self._dice.random() < 0.5
        if acts:
            make()
        self.seen[f"{kind}{' after acting' if acts else ''}"] += 1
        return _fail(call, kind)


class _RpcFailed(grpc.RpcError):  # type: ignore[misc]
    """A call that ended with a status: its result is to raise itself."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self._code = code

    def result(self, timeout: float | None = None) -> NoReturn:
        raise self

    def exception(self, timeout: float | None = None) -> grpc.RpcError:
        return self

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "bad weather"

    def trailing_metadata(self) -> tuple[()]:
        return ()


def _fail(call: OutsideCall, kind: Kind) -> Any:
    if call.way == "store":
        raise ports.Weather(f"{call.name}: {kind}")  # as an adapter whose own retries came to nothing
    if call.way == "grpc":
        return _RpcFailed(_CODES[kind])
    if kind == "silence":
        _say_nothing(call)
    if call.way == "kubernetes" and kind == "403":  # which it does not know as weather
        kind = "429"
    return _answer(int(kind), _kubernetes(kind) if call.way == "kubernetes" else _google(kind))


def _say_nothing(call: OutsideCall) -> NoReturn:
    pool = urllib3.HTTPConnectionPool("127.0.0.1")
    raise urllib3.exceptions.ReadTimeoutError(pool, call.name, "Read timed out.")


def _answer(status: int, body: dict[str, Any]) -> urllib3.HTTPResponse:
    text = io.BytesIO(json.dumps(body).encode())
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return urllib3.HTTPResponse(text, headers, status, reason=str(status), preload_content=False)


def _google(kind: Kind) -> dict[str, Any]:
    item = {"message": "bad weather", "domain": "usageLimits", "reason": _REASONS[kind]}
    return {"error": {"code": int(kind), "message": "bad weather", "errors": [item]}}


def _kubernetes(kind: Kind) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "bad weather",
        "reason": _KUBERNETES_REASONS[kind],
        "code": int(kind),
    }
